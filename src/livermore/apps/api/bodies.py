"""What may be sent: every field is checked, an unknown one is refused."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from livermore.kernel.role import Role


def storable(text: str) -> str:
    """Refuse the one character that PostgreSQL keeps in no text."""
    if "\0" in text:
        raise ValueError("must not hold a NUL")
    return text


Line = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(storable)]
Secret = Annotated[str, Field(min_length=1, max_length=1000)]


class Body(BaseModel):
    """Refuse fields that nobody reads."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Login(Body):
    """A name and a password, or a token."""

    username: Line | None = Field(None, description="The user's name.")
    password: Secret | None = Field(None, description="The user's password.")
    token: Secret | None = Field(None, description="A token, in place of the two.")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.token is None) == (self.username is None or self.password is None):
            raise ValueError("must give username and password, or token")
        return self


class OwnPassword(Body):
    """A new password of one's own."""

    current: Secret | None = Field(None, description="The password of now, where there is one.")
    new: Secret = Field(description="10 characters or more.")


class NewUser(Body):
    """Somebody who is to be let in."""

    username: Line = Field(description="Up to 50 letters a to z, digits and . _ - + @.")
    role: Role = Field("viewer", description="viewer, operator or admin.")
    password: Secret | None = Field(
        None, description="10 characters or more; without one, no password opens."
    )
    identity_sub: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(storable)] | None = (
        Field(None, description="The subject by which the identity provider knows the user.")
    )
    display_name: Line | None = Field(None, description="What the user is called on pages.")
    email: Annotated[str, Field(min_length=3, max_length=255), AfterValidator(storable)] | None = Field(
        None, description="Where the user is reached; nobody is known by it."
    )


class UserChange(Body):
    """What is to be different about a user."""

    role: Role | None = Field(None, description="viewer, operator or admin.")
    is_active: bool | None = Field(None, description="false: no login and no token opens any more.")
    display_name: Line | None = Field(
        None, description="What the user is called on pages; null takes it away."
    )
    password: Secret | None = Field(None, description="A new password, which ends the user's sessions.")


class NewToken(Body):
    """A token that is to be made."""

    name: Line = Field(description="What it is for.")
    role: Role = Field("viewer", description="What it may do: at most what its user may.")
