"""Names of users, and the ones that an identity provider's users get."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livermore.accounts.naming import (
    WORKSPACE,
    as_shown,
    candidates,
    check_shown,
    check_username,
    fitted,
    is_email,
    is_name,
)
from livermore.kernel.errors import InvalidError


@pytest.mark.parametrize(("given_as", "kept"), [("Jesse", "jesse"), (" edwin ", "edwin"), ("a@b.c", "a@b.c")])
def test_a_name_is_kept_in_small_letters(given_as, kept):
    assert check_username(given_as) == kept


@pytest.mark.parametrize(
    "name", ["", " ", "-a", ".a", "a b", "a\0", "é", "a/b", "x" * 51, *sorted(WORKSPACE)]
)
def test_what_is_no_name_is_refused(name):
    with pytest.raises(InvalidError) as refused:
        check_username(name)
    assert refused.value.where == "username"


@given(st.text(max_size=80))
def test_whatever_a_provider_calls_somebody_leads_to_names_that_fit(called):
    names = list(candidates(called))
    assert all(is_name(name) and check_username(name) == name for name in names)
    assert len(set(names)) == len(names) >= 19


def test_the_first_names_are_close_to_what_the_provider_says():
    assert list(islice(candidates("José Müller"), 3)) == ["jose-muller", "jose-muller-2", "jose-muller-3"]
    assert next(candidates("!!!")) == "user"
    assert next(candidates("local")) == "local-2"


@pytest.mark.parametrize(
    ("provider", "sub", "fits"),
    [("oidc", "248", True), ("", "248", False), ("oidc", "", False), ("x" * 21, "248", False),
     ("oidc", "x" * 255, True), ("oidc", "x" * 256, False), ("oidc", "a\0", False)],
)  # fmt: skip
def test_an_identity_is_kept_whole_or_not_at_all(provider, sub, fits):
    assert fitted(provider, sub) is fits


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "two\nlines", "a\0", "\udcff", "a\u2028b"])
def test_what_cannot_stand_on_one_line_is_no_name_to_show(name):
    with pytest.raises(InvalidError) as refused:
        check_shown(name, "display_name")
    assert refused.value.where == "display_name"


@given(st.text(st.characters(), max_size=150))
def test_of_a_provider_s_name_for_somebody_what_can_be_shown_is_kept(called):
    shown = as_shown(called)
    assert shown is None or check_shown(shown, "display_name") == shown
    assert as_shown(" José 👩‍🚀\n") == "José 👩‍🚀"


def test_what_may_be_an_email_address():
    given_as = ["jl@example.org", "jl", "j l@example.org", "jl@example.org\n", "x" * 255 + "@", ""]
    assert [is_email(text) for text in given_as] == [True, False, False, False, False, False]
