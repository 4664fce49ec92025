"""Passwords: which are refused, and what is known of those that are not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livermore.accounts.password import COMMONEST, SHORTEST, Passwords, check_password
from livermore.kernel.errors import InvalidError

GOOD = "violet tractor 91"
FAST = {"memory": 64, "passes": 1}


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("", "10 to 1,000"),
        ("ninechars", "10 to 1,000"),
        ("ab" * 501, "10 to 1,000"),
        ("Jesse-Livermore", "not the name"),
        ("eromreviL-esseJ", "not the name"),
        ("abcabcabcabc", "4 different"),
        ("PassWord1234", "among the first"),
    ],
)
def test_a_password_that_is_easy_to_guess_is_refused_without_being_repeated(password, fault):
    with pytest.raises(InvalidError) as refused:
        check_password(password, "jesse-livermore")
    assert fault in str(refused.value)
    assert refused.value.where == "password"
    assert not password or password not in f"{refused.value}{refused.value.hint}"


@pytest.mark.parametrize("password", [GOOD, "0123456789x", "ab1!" * 250, "пароль из трёх слов"])
def test_others_are_taken(password):
    check_password(password, "jesse")


def test_the_list_of_the_commonest_holds_only_what_would_be_taken_otherwise():
    assert [
        password for password in COMMONEST if len(password) < SHORTEST or password.lower() != password
    ] == []


async def test_of_a_password_only_argon2id_is_kept_and_it_fits_itself_alone():
    passwords = Passwords(**FAST)
    stored = await passwords.hash(GOOD)
    assert stored.startswith("$argon2id$")
    assert GOOD not in stored
    assert stored != await passwords.hash(GOOD)
    assert await passwords.fits(stored, GOOD)
    assert not await passwords.fits(stored, GOOD + " ")
    assert not await passwords.fits("$argon2id$damaged", GOOD)
    assert not await passwords.fits(None, "the password of nobody")


async def test_a_password_is_the_same_however_its_letters_were_typed():
    passwords = Passwords(**FAST)
    composed, taken_apart = (unicodedata.normalize(form, "größer als fünf") for form in ("NFC", "NFD"))
    assert composed != taken_apart
    assert await passwords.fits(await passwords.hash(composed), taken_apart)


@given(st.text(st.characters(), max_size=30))
async def test_whatever_is_typed_gets_an_answer(password):
    passwords = Passwords(**FAST)
    assert await passwords.fits(await passwords.hash(password), password)


async def test_a_hash_of_former_strength_is_dated():
    former, today = Passwords(**FAST), Passwords(memory=128, passes=1)
    stored = await former.hash(GOOD)
    assert today.is_dated(stored)
    assert not former.is_dated(stored)
    assert await today.fits(stored, GOOD)


def test_the_house_s_strength_is_not_below_what_is_recommended():
    stored = Passwords()._hasher.hash(GOOD)
    assert "m=47104,t=2,p=1" in stored
