"""A visit: users who register, log in and call interfaces in any order, and strangers who try the same."""

import hashlib
import itertools
import secrets
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, precondition, rule

from scripts.fuzzing import calls, raw
from scripts.fuzzing.calls import CALLBACK, PROTECTED, Call
from scripts.fuzzing.exchange import Answer, Ending, Request
from scripts.fuzzing.target import Target
from services.tencent.signatures import liteav_sig

_RUN = secrets.token_hex(3)  # no two runs at one server have the same users
_numbers = itertools.count(1)
_MAX_USERS = 3  # of a visit


class Proof(Enum):
    """The way in which a caller proves who it is."""

    BEARER = "the token"
    SIGNATURE = "the apps' signature"
    NOTHING = "nothing"
    OLD_TOKEN = "a token that a new login has replaced"
    GARBAGE = "a token that nobody has issued"
    FORGED_SIGNATURE = "a signature with another's token"


_VALID = [Proof.BEARER, Proof.SIGNATURE]
_INVALID = [proof for proof in Proof if proof not in _VALID]


class Own(Enum):
    """The fields of a made-up body that get the caller's own values, if the body has them."""

    ALL = "all"
    USERID = "the userid"
    NONE = "none"


_TRY = st.tuples(calls.any_call, st.sampled_from([*_VALID * 3, *Proof]), st.sampled_from(Own))


@dataclass
class User:
    """An account and its session."""

    userid: str
    password: str
    token: str = ""
    refresh_token: str = ""
    old_token: str = "x"
    file_ids: list[str] = field(default_factory=lambda: ["5285890800000000001"])

    def __repr__(self) -> str:
        return self.userid


class Visit(RuleBasedStateMachine):
    """Its rules are run in an order that Hypothesis makes up. Each case is judged where it is sent."""

    target: ClassVar[Target]
    users: Bundle[User] = Bundle("users")

    def __init__(self) -> None:
        super().__init__()
        self.target.begin()
        self.arrived = 0

    @initialize(target=users)
    def somebody_is_there(self) -> User:
        return self._new_user()

    @precondition(lambda self: self.arrived < _MAX_USERS)
    @rule(target=users)
    def arrive(self) -> User:
        self.arrived += 1
        return self._new_user()

    @rule(user=users)
    def log_in(self, user: User) -> None:
        self._log_in(user)

    @rule(user=users, twice=st.booleans())
    def refresh(self, user: User, twice: bool) -> None:
        body = {"userid": user.userid, "refresh_token": user.refresh_token}
        for _ in range(1 + twice):
            self._take_session(user, self._post("/refresh", body))

    @rule(user=users, uses=st.lists(st.tuples(calls.right_call, st.sampled_from(_VALID)), min_size=1, max_size=5))
    def use(self, user: User, uses: list[tuple[Call, Proof]]) -> None:
        """Call interfaces as they are meant to be."""
        for call, proof in uses:
            self._call(user, call, proof, Own.ALL)

    @rule(user=users, tries=st.lists(_TRY, min_size=1, max_size=5))
    def abuse(self, user: User, tries: list[tuple[Call, Proof, Own]]) -> None:
        """Call any interfaces with anything."""
        for call, proof, own in tries:
            self._call(user, call, proof, own)

    @rule(user=users, tries=st.lists(st.tuples(calls.right_call, st.sampled_from(_INVALID)), min_size=1, max_size=5))
    def intrude(self, user: User, tries: list[tuple[Call, Proof]]) -> None:
        """Call interfaces as they are meant to be, but as somebody else."""
        for call, proof in tries:
            self._call(user, call, proof, Own.ALL)

    @rule(user=users, call=calls.event, signed=st.sampled_from(["rightly", "wrongly", "as it comes"]))
    def record(self, user: User, call: Call, signed: str) -> None:
        """An event of the live service, or of somebody who does not have its key."""
        changes = {"stream_id": f"5000_{user.userid}"}
        if signed != "as it comes":
            changes |= calls.signature(self.target.callback_key, wrong=signed == "wrongly")
        self.target.send(Request("POST", CALLBACK, {}, call.encoded(changes)), may_pass=signed == "rightly")

    @rule(data=raw.table, changes=raw.edits, cuts=raw.cuts, ending=st.sampled_from([Ending.HALF_CLOSE, Ending.RESET]))
    def talk_nonsense(self, data: bytes, changes: list[raw.Edit], cuts: list[float], ending: Ending) -> None:
        """Nearly HTTP, from nobody."""
        self.target.send_raw(raw.in_pieces(raw.edited(data, changes), cuts), ending)

    @rule(user=users, call=calls.right_call, behind=raw.table, changes=raw.edits, cuts=raw.cuts)
    def garble(self, user: User, call: Call, behind: bytes, changes: list[raw.Edit], cuts: list[float]) -> None:
        """A user's call with bytes changed, and requests of somebody else behind it on the connection."""
        request = self._request(user, call, Proof.BEARER, Own.ALL)
        data = raw.edited(request.bytes(self.target.address.host), changes)
        self.target.send_raw(raw.in_pieces(data + behind, cuts), Ending.HALF_CLOSE)

    def _new_user(self) -> User:
        """Register and log in."""
        user = User(f"fuzz{_RUN}{next(_numbers):07}", secrets.token_hex(16))
        self._post("/register", {"userid": user.userid, "password": user.password})
        self._log_in(user)
        return user

    def _call(self, user: User, call: Call, proof: Proof, own: Own) -> None:
        request = self._request(user, call, proof, own)
        answer = self.target.send(request, may_pass=proof in _VALID or call.path not in PROTECTED)
        if answer.accepted:
            self._learn(user, call, answer)

    def _request(self, user: User, call: Call, proof: Proof, own: Own) -> Request:
        body = call.encoded(own_values(user, call, own))
        headers = {} if call.method == "GET" else proof_of(user, proof, body)
        self.target.secrets.add(*headers.values(), *(value.partition(" ")[2] for value in headers.values()))
        self.target.secrets.add(*passwords_in(call.body))
        return Request(call.method, call.path, headers, body)

    def _learn(self, user: User, call: Call, answer: Answer) -> None:
        """Take over what an accepted call has changed."""
        body = call.body if isinstance(call.body, dict) else {}
        if call.path in ("/login", "/refresh", "/lite/login", "/lite/refresh"):
            self._take_session(user, answer)
        elif call.path == "/change_password":  # it has ended the session
            self._log_in(user)
        elif call.path == "/delete_account":
            vars(user).update(vars(self._new_user()))
        elif call.path == "/upload_ugc" and isinstance(body.get("file_id"), str):
            user.file_ids.append(body["file_id"])
        elif call.path.endswith("_sign"):
            self.target.secrets.add_all_in({**answer.data, "userid": ""})

    def _log_in(self, user: User) -> None:
        self._take_session(user, self._post("/login", {"userid": user.userid, "password": user.password}))

    def _post(self, path: str, body: dict[str, str]) -> Answer:
        self.target.secrets.add_all_in({**body, "userid": ""})
        return self.target.send(Request("POST", path, {}, Call(path, "POST", body).encoded()))

    def _take_session(self, user: User, answer: Answer) -> None:
        if not isinstance(answer.data, dict) or "token" not in answer.data:
            return
        self.target.secrets.add_all_in([answer.data["token"], answer.data["refresh_token"]])
        if answer.data["token"] != user.token:
            user.old_token = user.token or "x"
        user.token, user.refresh_token = answer.data["token"], answer.data["refresh_token"]


def own_values(user: User, call: Call, own: Own) -> dict[str, Any]:
    """The caller's own values, by the names of fields."""
    if own is not Own.ALL:
        return {"userid": user.userid} if own is Own.USERID else {}
    values = {
        "userid": user.userid,
        "timestamp": int(time.time()),
        "expires": 10,
        "refresh_token": user.refresh_token,
        "old_password": user.password,
        "password": user.password,
    }
    return {**values, "file_id": user.file_ids[-1]} if call.path.startswith("/delete_") else values


def passwords_in(body: object) -> list[str]:
    """The passwords of a made-up body, but for one that is also the userid, which the log may have."""
    if not isinstance(body, dict):
        return []
    found = [body.get(name) for name in ("password", "old_password")]
    return [text for text in found if isinstance(text, str) and text not in str(body.get("userid"))]


def proof_of(user: User, proof: Proof, body: bytes) -> dict[str, str]:
    """The headers with which a caller proves who it is."""
    match proof:
        case Proof.BEARER:
            return {"Authorization": f"Bearer {user.token}"}
        case Proof.SIGNATURE:
            return {"Liteav-Sig": liteav_sig(user.token, body)}
        case Proof.NOTHING:
            return {}
        case Proof.OLD_TOKEN:
            return {"Authorization": f"Bearer {user.old_token}"}
        case Proof.GARBAGE:
            return {"Authorization": f"Bearer {user.userid}.{hashlib.sha256(user.userid.encode()).hexdigest()[:32]}"}
        case Proof.FORGED_SIGNATURE:
            return {"Liteav-Sig": liteav_sig(user.old_token, body)}
