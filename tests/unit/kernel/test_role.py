"""Roles: each covers those below."""

from itertools import product

from livermore.kernel.role import ROLES, covers, lower_of


def test_a_role_covers_itself_and_those_below() -> None:
    covered = [(role, needed) for role, needed in product(ROLES, ROLES) if covers(role, needed)]
    assert covered == [
        ("viewer", "viewer"),
        ("operator", "viewer"), ("operator", "operator"),
        ("admin", "viewer"), ("admin", "operator"), ("admin", "admin"),
    ]  # fmt: skip


def test_of_two_roles_the_one_that_may_do_less_counts() -> None:
    assert [lower_of(one, other) for one, other in product(ROLES, ROLES)] == [
        "viewer", "viewer", "viewer", "viewer", "operator", "operator", "viewer", "operator", "admin",
    ]  # fmt: skip
