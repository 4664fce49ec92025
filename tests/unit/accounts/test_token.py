"""Tokens: long, different each time, known by their digest."""

import hashlib

from livermore.accounts.token import digest, new_token


def test_a_token_says_what_it_is_and_holds_256_bits_of_chance():
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert {(token[:4], len(token)) for token in tokens} == {("lvm_", 47)}


def test_its_sha_256_is_what_is_kept():
    assert digest("lvm_x") == hashlib.sha256(b"lvm_x").digest()
    assert len(digest("\udce9")) == 32
