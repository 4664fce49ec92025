"""Who uses this installation: who they are, how they come in, and what shows that they are in."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from livermore.accounts.attempts import Guess
from livermore.accounts.limiter import Limiter
from livermore.accounts.naming import LOCAL as LOCAL
from livermore.accounts.naming import (
    as_shown,
    candidates,
    check_shown,
    check_username,
    fitted,
    folded,
    is_email,
    is_name,
    is_workspace,
)
from livermore.accounts.password import Passwords, check_password
from livermore.accounts.ports import AttemptBook, IdentityBook, SessionBook, TokenBook, UserBook
from livermore.accounts.principal import Opened, Principal
from livermore.accounts.token import ApiToken, digest, new_token
from livermore.accounts.user import User
from livermore.kernel.clock import Clock
from livermore.kernel.errors import (
    ConflictError,
    InvalidError,
    LivermoreError,
    NotAllowedError,
    NotFoundError,
)
from livermore.kernel.ids import new_secret
from livermore.kernel.log import logger
from livermore.kernel.role import Role, covers, lower_of
from livermore.kernel.scope import Scope

log = logger("accounts")

SESSION = 7 * 86_400_000  # ms
USED_EVERY = 60_000  # ms
WRONG = "the name or the password is wrong"
FIRST_SETTINGS = {"version": 2}


async def local_user(book: IdentityBook, settings: dict[str, Any], *, name: str = LOCAL) -> User:
    """Return the one user of a workspace, an admin; create it with these settings when it is not there.

    The demonstration and each replay have a user of their own `name`.
    """
    known = await book.find(LOCAL, name)
    if known is not None:
        return known
    return await book.create(
        username=name, identity_provider=LOCAL, identity_sub=name, role="admin", settings=settings
    )


class Accounts:
    """Know users by their passwords, identities, sessions and tokens, and administer them."""

    def __init__(
        self,
        users: UserBook,
        tokens: TokenBook,
        sessions: SessionBook,
        attempts: AttemptBook,
        clock: Clock,
        passwords: Passwords | None = None,
    ) -> None:
        self._users = users
        self._tokens = tokens
        self._sessions = sessions
        self._limiter = Limiter(attempts, clock)
        self._clock = clock
        self._passwords = passwords or Passwords()
        self._marking: dict[int, asyncio.Task[None]] = {}

    async def principal_of_token(self, secret: str) -> Principal | None:
        """Return who shows a token; None when it is unknown or revoked, or its user is inactive."""
        credential = digest(secret)
        found = await self._tokens.owner(credential)
        if found is None:
            return None
        user, token = found
        self._mark_used(token)
        return Principal(user=user, role=lower_of(user.role, token.role), via="token", credential=credential)

    async def principal_of_session(self, secret: str) -> Principal | None:
        """Return who shows a session; None when it is unknown or expired, or its user is inactive."""
        credential = digest(secret)
        user = await self._sessions.owner(credential)
        if user is None:
            return None
        return Principal(user=user, role=user.role, via="session", credential=credential)

    async def log_in(self, username: str, password: str, address: str) -> Opened:
        """Open a session for whoever knows the password of a user.

        Errors: RateLimitedError before anything is hashed; NotAllowedError, the same for a wrong password, an
        unknown or inactive user, and one without a password; StorageUnavailableError when guesses cannot be
        counted.
        """
        guess = Guess(account=folded(username), address=address)
        admitted = await self._limiter.admit(guess)
        user, stored = await self._named(guess.account)
        fits = await self._passwords.fits(stored, password)
        if user is None or stored is None or not fits or not user.is_active:
            raise NotAllowedError(WRONG, hint="ask an admin: livermore user password NAME sets a new one")
        await self._limiter.succeed(admitted)
        if self._passwords.is_dated(stored):
            await self._users.rehash(user.id, stored, await self._passwords.hash(password))
        return await self.open_session(user)

    async def log_in_by_identity(
        self,
        provider: str,
        sub: str,
        *,
        username: str,
        email: str | None = None,
        display_name: str | None = None,
        create: bool,
        role: Role = "viewer",
    ) -> Opened:
        """Open a session for an identity that its provider has vouched for; `create` lets a new one in.

        The identity alone says who it is: a name or an e-mail address that is somebody's leads to nobody.
        Errors: NotAllowedError for an inactive user, or an unknown one that may not be created.
        """
        if provider == LOCAL:
            raise InvalidError("an identity provider cannot be called local", where="provider")
        # What cannot be kept belongs to nobody, and not every database can be asked for it.
        user = await self._users.find(provider, sub) if fitted(provider, sub) else None
        if user is None and create:
            user = await self._admitted(provider, sub, username, email, display_name, role)
        if user is None or not user.is_active:
            raise NotAllowedError("nobody here has this identity", hint="ask an admin to let you in")
        return await self.open_session(user)

    async def open_session(self, user: User) -> Opened:
        """Open a session of a week for a user."""
        secret, expires_at = new_secret(), self._clock.now() + SESSION
        credential = digest(secret)
        await self._sessions.open(user.id, credential, expires_at)
        principal = Principal(user=user, role=user.role, via="session", credential=credential)
        return Opened(principal=principal, secret=secret, expires_at=expires_at)

    async def close_session(self, secret: str) -> None:
        """End a session, if there is such a one."""
        await self._sessions.close(digest(secret))

    async def close_sessions_of(self, user_id: int) -> None:
        """End every session of a user."""
        await self._sessions.close_all(user_id)

    async def has_passwords(self) -> bool:
        """Say whether any active admin has a password."""
        return await self._users.has_passwords()

    async def users(self) -> list[User]:
        """Return everybody, in the order in which they came."""
        return await self._users.all()

    async def user(self, user_id: int) -> User:
        """Return a user; raise NotFoundError."""
        found = await self._users.get(user_id)
        if found is None:
            raise NotFoundError("there is no such user", where=str(user_id))
        return found

    async def user_named(self, username: str) -> User:
        """Return the user of a name; raise NotFoundError."""
        user, _ = await self._named(folded(username))
        if user is None:
            raise NotFoundError("there is no such user", where=username, hint="see: livermore user list")
        return user

    async def create_user(
        self,
        username: str,
        role: Role,
        password: str | None = None,
        *,
        identity: tuple[str, str] | None = None,
        display_name: str | None = None,
        email: str | None = None,
    ) -> User:
        """Insert a user, who logs in by a password or by an identity (provider and subject).

        Errors: InvalidError for a name or a password that does not fit; ConflictError for what is taken.
        """
        name = check_username(username)
        provider, sub = identity or (LOCAL, name)
        if identity is not None and (provider == LOCAL or not fitted(provider, sub)):
            raise InvalidError("this is no identity of a provider", where="identity")
        shown = None if display_name is None else check_shown(display_name, "display_name")
        if email is not None and not is_email(email):
            raise InvalidError("this is no e-mail address", where="email")
        if password is not None:
            check_password(password, name)
        await self._refuse_taken(name, provider, sub, email)
        return await self._users.create(
            username=name, identity_provider=provider, identity_sub=sub, role=role, settings=FIRST_SETTINGS,
            display_name=shown, email=email,
            password_hash=None if password is None else await self._passwords.hash(password),
        )  # fmt: skip

    async def change_user(
        self,
        user_id: int,
        *,
        role: Role | None = None,
        is_active: bool | None = None,
        display_name: str | msgspec.UnsetType | None = msgspec.UNSET,
    ) -> User:
        """Change what a user may do, or is called; one who is made inactive is out at once.

        Errors: NotFoundError; ConflictError when no active admin would be left.
        """
        given = {"role": role, "is_active": is_active}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if display_name is not msgspec.UNSET:
            shown = None if display_name is None else check_shown(display_name, "display_name")
            changes["display_name"] = shown
        return await self._users.change(user_id, changes)

    async def set_password(self, user_id: int, password: str) -> None:
        """Give a user a new password and end the user's sessions; raise InvalidError, NotFoundError."""
        user = await self.user(user_id)
        check_password(password, user.username)
        await self._users.set_password(user_id, await self._passwords.hash(password))

    async def change_own_password(
        self, principal: Principal, new: str, *, current: str | None, address: str
    ) -> None:
        """Give a user who is logged in a new password, and end the user's other sessions.

        Whoever has a password shows it, which is counted as at a login.
        Errors: InvalidError; NotAllowedError for a wrong password, and for a user without one whom an
        identity provider vouches for; RateLimitedError; StorageUnavailableError.
        """
        user = principal.user
        check_password(new, user.username, "new")
        await self._prove(user, current, address)
        written = await self._passwords.hash(new)
        await self._users.set_password(user.id, written, keep=principal.credential)

    async def delete_user(self, user_id: int) -> None:
        """Delete a user with settings, signals, tokens and sessions.

        Errors: NotFoundError; ConflictError when no active admin would be left, or when it is the user of
        the workspace itself.
        """
        user = await self.user(user_id)
        if is_workspace(user):
            raise ConflictError(
                f"{user.username} is the user of this workspace itself: what it watches is in its settings",
                hint=f"keep it from logging in with: livermore user change {user.username} --inactive",
            )
        await self._users.delete(user_id)

    async def tokens(self, scope: Scope) -> list[ApiToken]:
        """Return a user's tokens, the newest first, also those that are revoked."""
        return await self._tokens.all(scope)

    async def create_token(self, scope: Scope, name: str, role: Role) -> tuple[ApiToken, str]:
        """Insert a token and return it with its secret, which nobody can tell again.

        Errors: InvalidError for a name that does not fit; NotAllowedError for a role above the user's own.
        """
        name = check_shown(name, "name")
        user = await self.user(scope.user_id)
        if not covers(user.role, role):
            raise NotAllowedError(f"a token of {user.username} is at most {user.role}", where="role")
        secret = new_token()
        return await self._tokens.create(scope, name, role, digest(secret)), secret

    async def revoke_token(self, scope: Scope, token_id: int) -> None:
        """Let a token be of no use from now on; raise NotFoundError for what is not the user's."""
        await self._tokens.revoke(scope, token_id)

    async def settle(self) -> None:
        """Wait until what was put off is stored: the times at which tokens were used."""
        await asyncio.gather(*self._marking.values())

    async def _prove(self, user: User, password: str | None, address: str) -> None:
        """Raise NotAllowedError where somebody who is logged in does not know the user's password."""
        _, stored = await self._named(user.username)
        if stored is None and user.identity_provider != LOCAL:
            hint = "change it there; an admin may set one here"
            raise NotAllowedError(f"{user.identity_provider} keeps the password of this login", hint=hint)
        if stored is None:
            return
        if password is None:
            raise InvalidError("give the password of now, too", where="current")
        admitted = await self._limiter.admit(Guess(account=user.username, address=address))
        if not await self._passwords.fits(stored, password):
            raise NotAllowedError("the password of now is wrong", hint="an admin can set a new one")
        await self._limiter.succeed(admitted)

    async def _named(self, name: str) -> tuple[User | None, str | None]:
        """Return the user of a name with the hash of the password."""
        found = await self._users.named(name) if is_name(name) else None
        return found or (None, None)

    def _mark_used(self, token: ApiToken) -> None:
        """Store that a token is in use, at most once a minute and while the request goes on."""
        now = self._clock.now()
        if token.id in self._marking or now - (token.last_used_at or 0) < USED_EVERY:
            return
        task = self._marking[token.id] = asyncio.create_task(self._used(token.id, now))
        task.add_done_callback(lambda _: self._marking.pop(token.id))

    async def _used(self, token_id: int, now: int) -> None:
        try:
            await self._tokens.used(token_id, now)
        except LivermoreError as error:
            log.warning("the use of a token was not noted", error=str(error))

    async def _admitted(
        self, provider: str, sub: str, username: str, email: str | None, display_name: str | None, role: Role
    ) -> User | None:
        """Insert the user of an identity under the first name that is free."""
        if not fitted(provider, sub):
            return None
        if email is not None and (not is_email(email) or await self._users.has_email(email)):
            email = None
        for name in candidates(username):
            try:
                return await self.create_user(
                    name, role, identity=(provider, sub), display_name=as_shown(display_name),
                    email=email,
                )  # fmt: skip
            except ConflictError:
                # Two pages of one person may come back at the same moment.
                known = await self._users.find(provider, sub)
                if known is not None:
                    return known
        return None

    async def _refuse_taken(self, name: str, provider: str, sub: str, email: str | None) -> None:
        if await self._users.named(name) is not None:
            raise ConflictError("somebody has this name", where=name, hint="choose another one")
        if await self._users.find(provider, sub) is not None:
            raise ConflictError("somebody has this identity", where=name, hint="see: livermore user list")
        if email is not None and await self._users.has_email(email):
            raise ConflictError("somebody has this e-mail address", where=name)
