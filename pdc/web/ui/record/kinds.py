"""What the acts in the record are called."""

from __future__ import annotations

from pdc.domain.message import Message

WORDS = {
    "login": Message("logged in"),
    "login_refused": Message("login refused"),
    "logged_out": Message("logged out"),
    "viewed": Message("looked at the image"),
    "reviewed": Message("saved a review"),
    "read": Message("saved a read"),
    "signed": Message("signed"),
    "re-opened": Message("re-opened"),
    "exported": Message("exported"),
    "imported": Message("imported"),
    "archived": Message("archived everything"),
    "assigned": Message("gave the image to a reader"),
    "sent_back": Message("sent the image back"),
    "retired": Message("retired the image"),
    "held_back": Message("held the image back"),
    "released": Message("released the image"),
    "painted_over": Message("painted over text"),
    "promoted": Message("promoted an adapter"),
    "rolled_back": Message("rolled an adapter back"),
    "user_added": Message("added a user"),
    "user_removed": Message("removed a user"),
    "password_changed": Message("changed a password"),
    "role_changed": Message("changed a role"),
    "token_added": Message("made a token"),
    "token_revoked": Message("revoked a token"),
    "started": Message("PDC started"),
    "backed_up": Message("made a backup"),
    "restored": Message("brought back"),
    "key_changed": Message("changed the record's key"),
    "job_started": Message("started a job"),
    "job_cancelled": Message("cancelled a job"),
}
"""A kind of act, as the record has it -> how it is told. One that is not here is told as the record has it."""
