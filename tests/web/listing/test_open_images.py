"""Two readers over HTTP: each is sent to images of their own, and sees which the other has open."""

from __future__ import annotations

from pathlib import Path

from house import Browser, living


def sent(reader: Browser) -> str:
    return reader.run("review_tab.next", None, None, {})[1]["image"]["name"]


def row(reader: Browser, name: str) -> list:
    return next(row for row in reader.send("GET", "/api/worklist").json()["rows"] if row[1] == name)


def test_two_readers_are_sent_to_two_images_see_it_and_may_open_either_by_hand(tmp_path: Path):
    with living(tmp_path) as house:
        alice, bob = house.reader("alice"), house.reader("bob")
        shas = [alice.upload(f"{colour}.png", colour) for colour in ("red", "blue", "green")]
        assert [sent(alice), sent(bob)] == ["red.png", "blue.png"]
        assert row(alice, "blue.png")[3] == "open at bob" and row(alice, "red.png")[3] == ""
        assert bob.open(shas[0])["image"]["name"] == "red.png"  # by hand
        said = bob.send("POST", "/api/worklist/open", json={"image": shas[0], "left": shas[1]})
        assert said.status_code == 200 and row(alice, "red.png")[3] == "open at bob" and row(alice, "blue.png")[3] == ""
        assert bob.send("GET", "/api/worklist", headers={"accept-language": "de"}).json()["rows"][0][3] == "offen bei alice"
        assert bob.send("POST", "/api/worklist/open", json={"image": "0" * 64}).status_code == 404
        assert sent(alice) == "blue.png"
