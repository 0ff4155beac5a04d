"""Mailboxes: a letter comes whole, or its writer hears that it does not."""

from __future__ import annotations

from sbc.crew.mailbox import LONGEST, Mailbox, open_mailbox


def test_a_letter_that_would_be_cut_off_is_not_posted() -> None:
    """Half the record of a call would be no call any more, and nobody would say BYE to its peers."""
    reader, writer = open_mailbox()
    with reader, writer:
        mailbox = Mailbox(reader, [writer])
        assert not mailbox.post(0, bytes(LONGEST + 1))
        assert mailbox.post(0, bytes(LONGEST))
        assert (mailbox.posted, mailbox.lost, len(reader.recv(LONGEST + 1))) == (1, 1, LONGEST)
