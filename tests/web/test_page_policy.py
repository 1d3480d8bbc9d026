"""What every answer says to browsers, and that the page itself can live with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_app import client

from pdc.web.page_policy import headers_for


def test_no_other_page_may_show_this_one_and_no_script_without_its_nonce_runs(tmp_path: Path):
    web = client(tmp_path)
    first, second = web.get("/"), web.get("/")
    policy = first.headers["content-security-policy"]
    (nonce,) = re.findall(r"'nonce-([\w-]+)'", policy)
    scripts = re.findall(r"<script[^>]*>", first.text)
    assert len(scripts) > 3 and all(f'nonce="{nonce}"' in tag for tag in scripts)
    assert "frame-ancestors 'none'" in policy and "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert first.headers["x-frame-options"] == "DENY" and nonce not in second.text
    assert len(first.content) == int(first.headers["content-length"])


def test_a_browser_that_asks_for_compressed_pages_gets_scripts_with_a_nonce_too(tmp_path: Path):
    page = client(tmp_path).get("/", headers={"Accept-Encoding": "br, gzip"})
    assert "content-encoding" not in page.headers and 'nonce="' in page.text


def test_what_is_said_about_images_and_people_is_kept_by_no_cache(tmp_path: Path):
    web = client(tmp_path)
    for path in ("/", "/api/worklist", "/health"):
        assert web.get(path).headers["cache-control"] == "no-store", path


@pytest.mark.parametrize(("scheme", "framed", "frames"), [("https", True, "https://huggingface.co"), ("http", False, "'none'")])
def test_a_space_is_framed_by_hugging_face_only_and_tls_stays(scheme: str, framed: bool, frames: str):
    said = headers_for({"scheme": scheme}, framed=framed)
    assert frames in said["Content-Security-Policy"] and ("X-Frame-Options" in said) != framed
    assert ("Strict-Transport-Security" in said) == (scheme == "https")
