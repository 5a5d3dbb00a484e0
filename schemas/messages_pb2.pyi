from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Error(_message.Message):
    __slots__ = ("code", "message", "retry", "reason", "after")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    retry: str
    reason: str
    after: int
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., retry: _Optional[str] = ..., reason: _Optional[str] = ..., after: _Optional[int] = ...) -> None: ...

class AuthRequest(_message.Message):
    __slots__ = ("token", "gateway", "address", "transport", "cookie")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    COOKIE_FIELD_NUMBER: _ClassVar[int]
    token: str
    gateway: str
    address: str
    transport: str
    cookie: str
    def __init__(self, token: _Optional[str] = ..., gateway: _Optional[str] = ..., address: _Optional[str] = ..., transport: _Optional[str] = ..., cookie: _Optional[str] = ...) -> None: ...

class RoomGrant(_message.Message):
    __slots__ = ("pattern", "receive", "send", "history", "recorded")
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_FIELD_NUMBER: _ClassVar[int]
    SEND_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    pattern: str
    receive: bool
    send: bool
    history: bool
    recorded: bool
    def __init__(self, pattern: _Optional[str] = ..., receive: _Optional[bool] = ..., send: _Optional[bool] = ..., history: _Optional[bool] = ..., recorded: _Optional[bool] = ...) -> None: ...

class Positions(_message.Message):
    __slots__ = ("topics",)
    class TopicsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    topics: _containers.ScalarMap[str, int]
    def __init__(self, topics: _Optional[_Mapping[str, int]] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("mid", "key", "room", "platform", "accepts", "rooms", "expires_at", "ext", "resume", "error", "token_id", "device", "devices", "role", "join")
    MID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    ACCEPTS_FIELD_NUMBER: _ClassVar[int]
    ROOMS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    EXT_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    JOIN_FIELD_NUMBER: _ClassVar[int]
    mid: int
    key: str
    room: str
    platform: str
    accepts: _containers.RepeatedScalarFieldContainer[int]
    rooms: _containers.RepeatedCompositeFieldContainer[RoomGrant]
    expires_at: int
    ext: bool
    resume: Positions
    error: Error
    token_id: str
    device: str
    devices: str
    role: str
    join: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, mid: _Optional[int] = ..., key: _Optional[str] = ..., room: _Optional[str] = ..., platform: _Optional[str] = ..., accepts: _Optional[_Iterable[int]] = ..., rooms: _Optional[_Iterable[_Union[RoomGrant, _Mapping]]] = ..., expires_at: _Optional[int] = ..., ext: _Optional[bool] = ..., resume: _Optional[_Union[Positions, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., token_id: _Optional[str] = ..., device: _Optional[str] = ..., devices: _Optional[str] = ..., role: _Optional[str] = ..., join: _Optional[_Iterable[str]] = ...) -> None: ...

class Account(_message.Message):
    __slots__ = ("mid", "name", "role", "state", "contact", "created_at")
    MID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    mid: int
    name: str
    role: str
    state: str
    contact: str
    created_at: int
    def __init__(self, mid: _Optional[int] = ..., name: _Optional[str] = ..., role: _Optional[str] = ..., state: _Optional[str] = ..., contact: _Optional[str] = ..., created_at: _Optional[int] = ...) -> None: ...

class RegisterRequest(_message.Message):
    __slots__ = ("name", "password", "contact", "address", "token", "role")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    password: str
    contact: str
    address: str
    token: str
    role: str
    def __init__(self, name: _Optional[str] = ..., password: _Optional[str] = ..., contact: _Optional[str] = ..., address: _Optional[str] = ..., token: _Optional[str] = ..., role: _Optional[str] = ...) -> None: ...

class RegisterReply(_message.Message):
    __slots__ = ("mid", "state", "error")
    MID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    mid: int
    state: str
    error: Error
    def __init__(self, mid: _Optional[int] = ..., state: _Optional[str] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class ActivateRequest(_message.Message):
    __slots__ = ("name", "code", "address")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    name: str
    code: str
    address: str
    def __init__(self, name: _Optional[str] = ..., code: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class LoginRequest(_message.Message):
    __slots__ = ("name", "password", "platform", "key", "accepts", "room", "address")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    ACCEPTS_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    name: str
    password: str
    platform: str
    key: str
    accepts: _containers.RepeatedScalarFieldContainer[int]
    room: str
    address: str
    def __init__(self, name: _Optional[str] = ..., password: _Optional[str] = ..., platform: _Optional[str] = ..., key: _Optional[str] = ..., accepts: _Optional[_Iterable[int]] = ..., room: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class LoginReply(_message.Message):
    __slots__ = ("mid", "name", "role", "token", "expires_at", "auth", "connect", "push_subject", "push_url", "refresh_token", "refresh_expires_at", "error")
    MID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    AUTH_FIELD_NUMBER: _ClassVar[int]
    CONNECT_FIELD_NUMBER: _ClassVar[int]
    PUSH_SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PUSH_URL_FIELD_NUMBER: _ClassVar[int]
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REFRESH_EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    mid: int
    name: str
    role: str
    token: str
    expires_at: int
    auth: str
    connect: WeightedReply
    push_subject: str
    push_url: str
    refresh_token: str
    refresh_expires_at: int
    error: Error
    def __init__(self, mid: _Optional[int] = ..., name: _Optional[str] = ..., role: _Optional[str] = ..., token: _Optional[str] = ..., expires_at: _Optional[int] = ..., auth: _Optional[str] = ..., connect: _Optional[_Union[WeightedReply, _Mapping]] = ..., push_subject: _Optional[str] = ..., push_url: _Optional[str] = ..., refresh_token: _Optional[str] = ..., refresh_expires_at: _Optional[int] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class RefreshRequest(_message.Message):
    __slots__ = ("refresh_token", "address")
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    refresh_token: str
    address: str
    def __init__(self, refresh_token: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class LogoutRequest(_message.Message):
    __slots__ = ("token", "refresh_token", "everywhere", "address", "login")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    EVERYWHERE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    LOGIN_FIELD_NUMBER: _ClassVar[int]
    token: str
    refresh_token: str
    everywhere: bool
    address: str
    login: str
    def __init__(self, token: _Optional[str] = ..., refresh_token: _Optional[str] = ..., everywhere: _Optional[bool] = ..., address: _Optional[str] = ..., login: _Optional[str] = ...) -> None: ...

class LoginsRequest(_message.Message):
    __slots__ = ("token", "mid", "name")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    MID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    token: str
    mid: int
    name: str
    def __init__(self, token: _Optional[str] = ..., mid: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class LoginView(_message.Message):
    __slots__ = ("login", "platform", "key", "since", "used_at", "current")
    LOGIN_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    USED_AT_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    login: str
    platform: str
    key: str
    since: int
    used_at: int
    current: bool
    def __init__(self, login: _Optional[str] = ..., platform: _Optional[str] = ..., key: _Optional[str] = ..., since: _Optional[int] = ..., used_at: _Optional[int] = ..., current: _Optional[bool] = ...) -> None: ...

class LoginsReply(_message.Message):
    __slots__ = ("logins", "error")
    LOGINS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    logins: _containers.RepeatedCompositeFieldContainer[LoginView]
    error: Error
    def __init__(self, logins: _Optional[_Iterable[_Union[LoginView, _Mapping]]] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class RenameAccountRequest(_message.Message):
    __slots__ = ("token", "new_name", "mid", "name")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    NEW_NAME_FIELD_NUMBER: _ClassVar[int]
    MID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    token: str
    new_name: str
    mid: int
    name: str
    def __init__(self, token: _Optional[str] = ..., new_name: _Optional[str] = ..., mid: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class PasswordRequest(_message.Message):
    __slots__ = ("token", "old_password", "new_password", "address")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    OLD_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    NEW_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    token: str
    old_password: str
    new_password: str
    address: str
    def __init__(self, token: _Optional[str] = ..., old_password: _Optional[str] = ..., new_password: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class ForgotRequest(_message.Message):
    __slots__ = ("name", "address")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    name: str
    address: str
    def __init__(self, name: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class ResetRequest(_message.Message):
    __slots__ = ("name", "code", "password", "address")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    name: str
    code: str
    password: str
    address: str
    def __init__(self, name: _Optional[str] = ..., code: _Optional[str] = ..., password: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class DoneReply(_message.Message):
    __slots__ = ("error",)
    ERROR_FIELD_NUMBER: _ClassVar[int]
    error: Error
    def __init__(self, error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class ShowAccountRequest(_message.Message):
    __slots__ = ("token", "mid", "name")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    MID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    token: str
    mid: int
    name: str
    def __init__(self, token: _Optional[str] = ..., mid: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class AccountReply(_message.Message):
    __slots__ = ("account", "error")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    account: Account
    error: Error
    def __init__(self, account: _Optional[_Union[Account, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class DeactivateRequest(_message.Message):
    __slots__ = ("token", "mid", "name", "password", "address")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    MID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    token: str
    mid: int
    name: str
    password: str
    address: str
    def __init__(self, token: _Optional[str] = ..., mid: _Optional[int] = ..., name: _Optional[str] = ..., password: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class ReactivateRequest(_message.Message):
    __slots__ = ("token", "mid", "name")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    MID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    token: str
    mid: int
    name: str
    def __init__(self, token: _Optional[str] = ..., mid: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class RoleRequest(_message.Message):
    __slots__ = ("token", "mid", "name", "role")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    MID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    token: str
    mid: int
    name: str
    role: str
    def __init__(self, token: _Optional[str] = ..., mid: _Optional[int] = ..., name: _Optional[str] = ..., role: _Optional[str] = ...) -> None: ...

class ListAccountsRequest(_message.Message):
    __slots__ = ("token", "text", "role", "state", "after", "limit")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    token: str
    text: str
    role: str
    state: str
    after: int
    limit: int
    def __init__(self, token: _Optional[str] = ..., text: _Optional[str] = ..., role: _Optional[str] = ..., state: _Optional[str] = ..., after: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ListAccountsReply(_message.Message):
    __slots__ = ("accounts", "more", "error")
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[Account]
    more: bool
    error: Error
    def __init__(self, accounts: _Optional[_Iterable[_Union[Account, _Mapping]]] = ..., more: _Optional[bool] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class NamesRequest(_message.Message):
    __slots__ = ("token", "mids", "names")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIDS_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    token: str
    mids: _containers.RepeatedScalarFieldContainer[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, token: _Optional[str] = ..., mids: _Optional[_Iterable[int]] = ..., names: _Optional[_Iterable[str]] = ...) -> None: ...

class Named(_message.Message):
    __slots__ = ("mid", "name")
    MID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    mid: int
    name: str
    def __init__(self, mid: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class NamesReply(_message.Message):
    __slots__ = ("members", "error")
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedCompositeFieldContainer[Named]
    error: Error
    def __init__(self, members: _Optional[_Iterable[_Union[Named, _Mapping]]] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class AccountEvent(_message.Message):
    __slots__ = ("what", "mid", "name", "contact", "code", "code_expires_at", "role", "address", "by", "time_ms")
    WHAT_FIELD_NUMBER: _ClassVar[int]
    MID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    CODE_EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    what: str
    mid: int
    name: str
    contact: str
    code: str
    code_expires_at: int
    role: str
    address: str
    by: int
    time_ms: int
    def __init__(self, what: _Optional[str] = ..., mid: _Optional[int] = ..., name: _Optional[str] = ..., contact: _Optional[str] = ..., code: _Optional[str] = ..., code_expires_at: _Optional[int] = ..., role: _Optional[str] = ..., address: _Optional[str] = ..., by: _Optional[int] = ..., time_ms: _Optional[int] = ...) -> None: ...

class StoredMessage(_message.Message):
    __slots__ = ("sequence", "operation", "body", "sender", "time_ms", "stamp", "session", "recipient")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    STAMP_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    operation: int
    body: bytes
    sender: int
    time_ms: int
    stamp: bool
    session: str
    recipient: int
    def __init__(self, sequence: _Optional[int] = ..., operation: _Optional[int] = ..., body: _Optional[bytes] = ..., sender: _Optional[int] = ..., time_ms: _Optional[int] = ..., stamp: _Optional[bool] = ..., session: _Optional[str] = ..., recipient: _Optional[int] = ...) -> None: ...

class Want(_message.Message):
    __slots__ = ("topic", "mid", "device", "has_after", "after", "newest")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    MID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    HAS_AFTER_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIELD_NUMBER: _ClassVar[int]
    topic: str
    mid: int
    device: str
    has_after: bool
    after: int
    newest: int
    def __init__(self, topic: _Optional[str] = ..., mid: _Optional[int] = ..., device: _Optional[str] = ..., has_after: _Optional[bool] = ..., after: _Optional[int] = ..., newest: _Optional[int] = ...) -> None: ...

class ReplayRequest(_message.Message):
    __slots__ = ("wants",)
    WANTS_FIELD_NUMBER: _ClassVar[int]
    wants: _containers.RepeatedCompositeFieldContainer[Want]
    def __init__(self, wants: _Optional[_Iterable[_Union[Want, _Mapping]]] = ...) -> None: ...

class TopicMessages(_message.Message):
    __slots__ = ("topic", "messages", "reached", "more", "started_after", "gap_to", "error")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    REACHED_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    STARTED_AFTER_FIELD_NUMBER: _ClassVar[int]
    GAP_TO_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    topic: str
    messages: _containers.RepeatedCompositeFieldContainer[StoredMessage]
    reached: int
    more: bool
    started_after: int
    gap_to: int
    error: Error
    def __init__(self, topic: _Optional[str] = ..., messages: _Optional[_Iterable[_Union[StoredMessage, _Mapping]]] = ..., reached: _Optional[int] = ..., more: _Optional[bool] = ..., started_after: _Optional[int] = ..., gap_to: _Optional[int] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class ReplayReply(_message.Message):
    __slots__ = ("topics", "error")
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    topics: _containers.RepeatedCompositeFieldContainer[TopicMessages]
    error: Error
    def __init__(self, topics: _Optional[_Iterable[_Union[TopicMessages, _Mapping]]] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class HistoryRequest(_message.Message):
    __slots__ = ("topic", "after", "before", "limit", "room", "mid", "peer", "most_bytes")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    MID_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    MOST_BYTES_FIELD_NUMBER: _ClassVar[int]
    topic: str
    after: int
    before: int
    limit: int
    room: str
    mid: int
    peer: int
    most_bytes: int
    def __init__(self, topic: _Optional[str] = ..., after: _Optional[int] = ..., before: _Optional[int] = ..., limit: _Optional[int] = ..., room: _Optional[str] = ..., mid: _Optional[int] = ..., peer: _Optional[int] = ..., most_bytes: _Optional[int] = ...) -> None: ...

class HistoryReply(_message.Message):
    __slots__ = ("page", "error", "gone_to")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    GONE_TO_FIELD_NUMBER: _ClassVar[int]
    page: TopicMessages
    error: Error
    gone_to: int
    def __init__(self, page: _Optional[_Union[TopicMessages, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., gone_to: _Optional[int] = ...) -> None: ...

class ReadState(_message.Message):
    __slots__ = ("read", "last", "unread")
    READ_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    UNREAD_FIELD_NUMBER: _ClassVar[int]
    read: int
    last: int
    unread: int
    def __init__(self, read: _Optional[int] = ..., last: _Optional[int] = ..., unread: _Optional[int] = ...) -> None: ...

class ReadRequest(_message.Message):
    __slots__ = ("mid", "rooms", "members", "session")
    class RoomsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class MembersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: int
        def __init__(self, key: _Optional[int] = ..., value: _Optional[int] = ...) -> None: ...
    MID_FIELD_NUMBER: _ClassVar[int]
    ROOMS_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    mid: int
    rooms: _containers.ScalarMap[str, int]
    members: _containers.ScalarMap[int, int]
    session: str
    def __init__(self, mid: _Optional[int] = ..., rooms: _Optional[_Mapping[str, int]] = ..., members: _Optional[_Mapping[int, int]] = ..., session: _Optional[str] = ...) -> None: ...

class UnreadRequest(_message.Message):
    __slots__ = ("mid", "rooms", "members", "all_members")
    MID_FIELD_NUMBER: _ClassVar[int]
    ROOMS_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    ALL_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    mid: int
    rooms: _containers.RepeatedScalarFieldContainer[str]
    members: _containers.RepeatedScalarFieldContainer[int]
    all_members: bool
    def __init__(self, mid: _Optional[int] = ..., rooms: _Optional[_Iterable[str]] = ..., members: _Optional[_Iterable[int]] = ..., all_members: _Optional[bool] = ...) -> None: ...

class ReadReply(_message.Message):
    __slots__ = ("rooms", "members", "more", "error")
    class RoomsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: ReadState
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[ReadState, _Mapping]] = ...) -> None: ...
    class MembersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: ReadState
        def __init__(self, key: _Optional[int] = ..., value: _Optional[_Union[ReadState, _Mapping]] = ...) -> None: ...
    ROOMS_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    rooms: _containers.MessageMap[str, ReadState]
    members: _containers.MessageMap[int, ReadState]
    more: bool
    error: Error
    def __init__(self, rooms: _Optional[_Mapping[str, ReadState]] = ..., members: _Optional[_Mapping[int, ReadState]] = ..., more: _Optional[bool] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class ConversationsRequest(_message.Message):
    __slots__ = ("mid", "before", "limit")
    MID_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    mid: int
    before: int
    limit: int
    def __init__(self, mid: _Optional[int] = ..., before: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class Conversation(_message.Message):
    __slots__ = ("peer", "state")
    PEER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    peer: int
    state: ReadState
    def __init__(self, peer: _Optional[int] = ..., state: _Optional[_Union[ReadState, _Mapping]] = ...) -> None: ...

class ConversationsReply(_message.Message):
    __slots__ = ("conversations", "more", "error")
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    conversations: _containers.RepeatedCompositeFieldContainer[Conversation]
    more: bool
    error: Error
    def __init__(self, conversations: _Optional[_Iterable[_Union[Conversation, _Mapping]]] = ..., more: _Optional[bool] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class LastRequest(_message.Message):
    __slots__ = ("topics", "after")
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    topics: _containers.RepeatedScalarFieldContainer[str]
    after: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, topics: _Optional[_Iterable[str]] = ..., after: _Optional[_Iterable[int]] = ...) -> None: ...

class LastReply(_message.Message):
    __slots__ = ("sequences", "error", "counts", "ends")
    SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    ENDS_FIELD_NUMBER: _ClassVar[int]
    sequences: _containers.RepeatedScalarFieldContainer[int]
    error: Error
    counts: _containers.RepeatedScalarFieldContainer[int]
    ends: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, sequences: _Optional[_Iterable[int]] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., counts: _Optional[_Iterable[int]] = ..., ends: _Optional[_Iterable[int]] = ...) -> None: ...

class DevicePosition(_message.Message):
    __slots__ = ("mid", "device", "topics")
    class TopicsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    MID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    mid: int
    device: str
    topics: _containers.ScalarMap[str, int]
    def __init__(self, mid: _Optional[int] = ..., device: _Optional[str] = ..., topics: _Optional[_Mapping[str, int]] = ...) -> None: ...

class PositionRequest(_message.Message):
    __slots__ = ("positions",)
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    positions: _containers.RepeatedCompositeFieldContainer[DevicePosition]
    def __init__(self, positions: _Optional[_Iterable[_Union[DevicePosition, _Mapping]]] = ...) -> None: ...

class PositionReply(_message.Message):
    __slots__ = ("saved", "error")
    SAVED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    saved: int
    error: Error
    def __init__(self, saved: _Optional[int] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class LeavingNotice(_message.Message):
    __slots__ = ("devices", "seconds")
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedCompositeFieldContainer[DevicePosition]
    seconds: int
    def __init__(self, devices: _Optional[_Iterable[_Union[DevicePosition, _Mapping]]] = ..., seconds: _Optional[int] = ...) -> None: ...

class SendReply(_message.Message):
    __slots__ = ("sequence", "duplicate", "error")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    duplicate: bool
    error: Error
    def __init__(self, sequence: _Optional[int] = ..., duplicate: _Optional[bool] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class AdmitRequest(_message.Message):
    __slots__ = ("room", "to", "operation", "body", "bytes", "cast")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    CAST_FIELD_NUMBER: _ClassVar[int]
    room: str
    to: int
    operation: int
    body: str
    bytes: str
    cast: bool
    def __init__(self, room: _Optional[str] = ..., to: _Optional[int] = ..., operation: _Optional[int] = ..., body: _Optional[str] = ..., bytes: _Optional[str] = ..., cast: _Optional[bool] = ..., **kwargs) -> None: ...

class AdmitReply(_message.Message):
    __slots__ = ("error", "body", "bytes")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    error: Error
    body: str
    bytes: str
    def __init__(self, error: _Optional[_Union[Error, _Mapping]] = ..., body: _Optional[str] = ..., bytes: _Optional[str] = ...) -> None: ...

class Restriction(_message.Message):
    __slots__ = ("mid", "until", "reason", "by")
    MID_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    mid: int
    until: int
    reason: str
    by: int
    def __init__(self, mid: _Optional[int] = ..., until: _Optional[int] = ..., reason: _Optional[str] = ..., by: _Optional[int] = ...) -> None: ...

class Room(_message.Message):
    __slots__ = ("room", "name", "description", "access", "senders", "owner", "member_count", "created_at", "revision", "role", "admins", "members", "invited", "banned", "muted")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    SENDERS_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    MEMBER_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ADMINS_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    INVITED_FIELD_NUMBER: _ClassVar[int]
    BANNED_FIELD_NUMBER: _ClassVar[int]
    MUTED_FIELD_NUMBER: _ClassVar[int]
    room: str
    name: str
    description: str
    access: str
    senders: str
    owner: int
    member_count: int
    created_at: int
    revision: int
    role: str
    admins: _containers.RepeatedScalarFieldContainer[int]
    members: _containers.RepeatedScalarFieldContainer[int]
    invited: _containers.RepeatedScalarFieldContainer[int]
    banned: _containers.RepeatedCompositeFieldContainer[Restriction]
    muted: _containers.RepeatedCompositeFieldContainer[Restriction]
    def __init__(self, room: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., access: _Optional[str] = ..., senders: _Optional[str] = ..., owner: _Optional[int] = ..., member_count: _Optional[int] = ..., created_at: _Optional[int] = ..., revision: _Optional[int] = ..., role: _Optional[str] = ..., admins: _Optional[_Iterable[int]] = ..., members: _Optional[_Iterable[int]] = ..., invited: _Optional[_Iterable[int]] = ..., banned: _Optional[_Iterable[_Union[Restriction, _Mapping]]] = ..., muted: _Optional[_Iterable[_Union[Restriction, _Mapping]]] = ...) -> None: ...

class OpenRoomRequest(_message.Message):
    __slots__ = ("actor", "room", "name", "description", "access", "senders", "owner", "operator")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    SENDERS_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    actor: int
    room: str
    name: str
    description: str
    access: str
    senders: str
    owner: int
    operator: bool
    def __init__(self, actor: _Optional[int] = ..., room: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., access: _Optional[str] = ..., senders: _Optional[str] = ..., owner: _Optional[int] = ..., operator: _Optional[bool] = ...) -> None: ...

class RoomRequest(_message.Message):
    __slots__ = ("actor", "room", "reason", "operator")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    actor: int
    room: str
    reason: str
    operator: bool
    def __init__(self, actor: _Optional[int] = ..., room: _Optional[str] = ..., reason: _Optional[str] = ..., operator: _Optional[bool] = ...) -> None: ...

class RenameRoomRequest(_message.Message):
    __slots__ = ("actor", "room", "name", "operator")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    actor: int
    room: str
    name: str
    operator: bool
    def __init__(self, actor: _Optional[int] = ..., room: _Optional[str] = ..., name: _Optional[str] = ..., operator: _Optional[bool] = ...) -> None: ...

class DescribeRoomRequest(_message.Message):
    __slots__ = ("actor", "room", "description", "operator")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    actor: int
    room: str
    description: str
    operator: bool
    def __init__(self, actor: _Optional[int] = ..., room: _Optional[str] = ..., description: _Optional[str] = ..., operator: _Optional[bool] = ...) -> None: ...

class RegulateRoomRequest(_message.Message):
    __slots__ = ("actor", "room", "access", "senders", "operator")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    SENDERS_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    actor: int
    room: str
    access: str
    senders: str
    operator: bool
    def __init__(self, actor: _Optional[int] = ..., room: _Optional[str] = ..., access: _Optional[str] = ..., senders: _Optional[str] = ..., operator: _Optional[bool] = ...) -> None: ...

class RoomMemberRequest(_message.Message):
    __slots__ = ("actor", "room", "mid", "reason", "seconds", "operator")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    MID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    actor: int
    room: str
    mid: int
    reason: str
    seconds: int
    operator: bool
    def __init__(self, actor: _Optional[int] = ..., room: _Optional[str] = ..., mid: _Optional[int] = ..., reason: _Optional[str] = ..., seconds: _Optional[int] = ..., operator: _Optional[bool] = ...) -> None: ...

class RoomReply(_message.Message):
    __slots__ = ("room", "changed", "error")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    room: Room
    changed: bool
    error: Error
    def __init__(self, room: _Optional[_Union[Room, _Mapping]] = ..., changed: _Optional[bool] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class ListRoomsRequest(_message.Message):
    __slots__ = ("actor", "mid", "type", "text", "after", "limit", "operator")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    MID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    actor: int
    mid: int
    type: str
    text: str
    after: str
    limit: int
    operator: bool
    def __init__(self, actor: _Optional[int] = ..., mid: _Optional[int] = ..., type: _Optional[str] = ..., text: _Optional[str] = ..., after: _Optional[str] = ..., limit: _Optional[int] = ..., operator: _Optional[bool] = ...) -> None: ...

class ListRoomsReply(_message.Message):
    __slots__ = ("rooms", "more", "error")
    ROOMS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    rooms: _containers.RepeatedCompositeFieldContainer[Room]
    more: bool
    error: Error
    def __init__(self, rooms: _Optional[_Iterable[_Union[Room, _Mapping]]] = ..., more: _Optional[bool] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class RoomEvent(_message.Message):
    __slots__ = ("event", "room", "actor", "subject", "reason", "until", "time_ms", "revision")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    event: str
    room: str
    actor: int
    subject: int
    reason: str
    until: int
    time_ms: int
    revision: int
    def __init__(self, event: _Optional[str] = ..., room: _Optional[str] = ..., actor: _Optional[int] = ..., subject: _Optional[int] = ..., reason: _Optional[str] = ..., until: _Optional[int] = ..., time_ms: _Optional[int] = ..., revision: _Optional[int] = ...) -> None: ...

class PushRequest(_message.Message):
    __slots__ = ("operation", "body", "keys", "mids", "type", "room", "speed", "id")
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    MIDS_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    operation: int
    body: bytes
    keys: _containers.RepeatedScalarFieldContainer[str]
    mids: _containers.RepeatedScalarFieldContainer[int]
    type: str
    room: str
    speed: int
    id: str
    def __init__(self, operation: _Optional[int] = ..., body: _Optional[bytes] = ..., keys: _Optional[_Iterable[str]] = ..., mids: _Optional[_Iterable[int]] = ..., type: _Optional[str] = ..., room: _Optional[str] = ..., speed: _Optional[int] = ..., id: _Optional[str] = ...) -> None: ...

class PushReply(_message.Message):
    __slots__ = ("error", "sessions", "sequences", "dropped", "stored")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    error: Error
    sessions: int
    sequences: _containers.RepeatedScalarFieldContainer[int]
    dropped: int
    stored: bool
    def __init__(self, error: _Optional[_Union[Error, _Mapping]] = ..., sessions: _Optional[int] = ..., sequences: _Optional[_Iterable[int]] = ..., dropped: _Optional[int] = ..., stored: _Optional[bool] = ...) -> None: ...

class KeyPush(_message.Message):
    __slots__ = ("keys", "operation", "body")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[str]
    operation: int
    body: bytes
    def __init__(self, keys: _Optional[_Iterable[str]] = ..., operation: _Optional[int] = ..., body: _Optional[bytes] = ...) -> None: ...

class KeyPushReply(_message.Message):
    __slots__ = ("sessions", "dropped")
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    sessions: int
    dropped: int
    def __init__(self, sessions: _Optional[int] = ..., dropped: _Optional[int] = ...) -> None: ...

class CloseSession(_message.Message):
    __slots__ = ("session", "key", "mid", "code", "reason", "token_id")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    MID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    session: str
    key: str
    mid: int
    code: int
    reason: str
    token_id: str
    def __init__(self, session: _Optional[str] = ..., key: _Optional[str] = ..., mid: _Optional[int] = ..., code: _Optional[int] = ..., reason: _Optional[str] = ..., token_id: _Optional[str] = ...) -> None: ...

class GatewayCommand(_message.Message):
    __slots__ = ("push", "close")
    PUSH_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FIELD_NUMBER: _ClassVar[int]
    push: KeyPush
    close: CloseSession
    def __init__(self, push: _Optional[_Union[KeyPush, _Mapping]] = ..., close: _Optional[_Union[CloseSession, _Mapping]] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("session", "key", "mid", "room", "platform", "since_ms", "gateway", "device", "devices", "rooms", "since_us")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    MID_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    SINCE_MS_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    ROOMS_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    session: str
    key: str
    mid: int
    room: str
    platform: str
    since_ms: int
    gateway: str
    device: str
    devices: str
    rooms: _containers.RepeatedScalarFieldContainer[str]
    since_us: int
    def __init__(self, session: _Optional[str] = ..., key: _Optional[str] = ..., mid: _Optional[int] = ..., room: _Optional[str] = ..., platform: _Optional[str] = ..., since_ms: _Optional[int] = ..., gateway: _Optional[str] = ..., device: _Optional[str] = ..., devices: _Optional[str] = ..., rooms: _Optional[_Iterable[str]] = ..., since_us: _Optional[int] = ...) -> None: ...

class Node(_message.Message):
    __slots__ = ("gateway", "hostname", "addresses", "tcp_port", "ws_port", "wss_port", "weight", "region", "zone", "version", "draining", "connections", "client_addresses", "seen_ms")
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    TCP_PORT_FIELD_NUMBER: _ClassVar[int]
    WS_PORT_FIELD_NUMBER: _ClassVar[int]
    WSS_PORT_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    SEEN_MS_FIELD_NUMBER: _ClassVar[int]
    gateway: str
    hostname: str
    addresses: _containers.RepeatedScalarFieldContainer[str]
    tcp_port: int
    ws_port: int
    wss_port: int
    weight: int
    region: str
    zone: str
    version: str
    draining: bool
    connections: int
    client_addresses: int
    seen_ms: int
    def __init__(self, gateway: _Optional[str] = ..., hostname: _Optional[str] = ..., addresses: _Optional[_Iterable[str]] = ..., tcp_port: _Optional[int] = ..., ws_port: _Optional[int] = ..., wss_port: _Optional[int] = ..., weight: _Optional[int] = ..., region: _Optional[str] = ..., zone: _Optional[str] = ..., version: _Optional[str] = ..., draining: _Optional[bool] = ..., connections: _Optional[int] = ..., client_addresses: _Optional[int] = ..., seen_ms: _Optional[int] = ...) -> None: ...

class PresenceReport(_message.Message):
    __slots__ = ("node", "snapshot", "joined", "left", "rooms", "leaving", "sessions", "watch", "sent_ms")
    class RoomsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NODE_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    JOINED_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    ROOMS_FIELD_NUMBER: _ClassVar[int]
    LEAVING_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    WATCH_FIELD_NUMBER: _ClassVar[int]
    SENT_MS_FIELD_NUMBER: _ClassVar[int]
    node: Node
    snapshot: bool
    joined: _containers.RepeatedCompositeFieldContainer[Session]
    left: _containers.RepeatedScalarFieldContainer[str]
    rooms: _containers.ScalarMap[str, int]
    leaving: bool
    sessions: int
    watch: _containers.RepeatedScalarFieldContainer[str]
    sent_ms: int
    def __init__(self, node: _Optional[_Union[Node, _Mapping]] = ..., snapshot: _Optional[bool] = ..., joined: _Optional[_Iterable[_Union[Session, _Mapping]]] = ..., left: _Optional[_Iterable[str]] = ..., rooms: _Optional[_Mapping[str, int]] = ..., leaving: _Optional[bool] = ..., sessions: _Optional[int] = ..., watch: _Optional[_Iterable[str]] = ..., sent_ms: _Optional[int] = ...) -> None: ...

class PresenceReply(_message.Message):
    __slots__ = ("resend", "elsewhere", "connections", "error")
    class ElsewhereEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    RESEND_FIELD_NUMBER: _ClassVar[int]
    ELSEWHERE_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    resend: bool
    elsewhere: _containers.ScalarMap[str, int]
    connections: int
    error: Error
    def __init__(self, resend: _Optional[bool] = ..., elsewhere: _Optional[_Mapping[str, int]] = ..., connections: _Optional[int] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class TopRequest(_message.Message):
    __slots__ = ("type", "limit")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    type: str
    limit: int
    def __init__(self, type: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class RoomCount(_message.Message):
    __slots__ = ("room", "count")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    room: str
    count: int
    def __init__(self, room: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class TopReply(_message.Message):
    __slots__ = ("rooms", "error")
    ROOMS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    rooms: _containers.RepeatedCompositeFieldContainer[RoomCount]
    error: Error
    def __init__(self, rooms: _Optional[_Iterable[_Union[RoomCount, _Mapping]]] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class RoomsRequest(_message.Message):
    __slots__ = ("rooms",)
    ROOMS_FIELD_NUMBER: _ClassVar[int]
    rooms: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, rooms: _Optional[_Iterable[str]] = ...) -> None: ...

class RoomsReply(_message.Message):
    __slots__ = ("online", "error")
    class OnlineEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    ONLINE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    online: _containers.ScalarMap[str, int]
    error: Error
    def __init__(self, online: _Optional[_Mapping[str, int]] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class TotalRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TotalReply(_message.Message):
    __slots__ = ("connections", "client_addresses", "error")
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    connections: int
    client_addresses: int
    error: Error
    def __init__(self, connections: _Optional[int] = ..., client_addresses: _Optional[int] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class WhoRequest(_message.Message):
    __slots__ = ("room", "mid", "key", "limit")
    ROOM_FIELD_NUMBER: _ClassVar[int]
    MID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    room: str
    mid: int
    key: str
    limit: int
    def __init__(self, room: _Optional[str] = ..., mid: _Optional[int] = ..., key: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class WhoReply(_message.Message):
    __slots__ = ("sessions", "found", "error")
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[Session]
    found: int
    error: Error
    def __init__(self, sessions: _Optional[_Iterable[_Union[Session, _Mapping]]] = ..., found: _Optional[int] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class MembersRequest(_message.Message):
    __slots__ = ("mids",)
    MIDS_FIELD_NUMBER: _ClassVar[int]
    mids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, mids: _Optional[_Iterable[int]] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("device", "platform", "since_ms")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    SINCE_MS_FIELD_NUMBER: _ClassVar[int]
    device: str
    platform: str
    since_ms: int
    def __init__(self, device: _Optional[str] = ..., platform: _Optional[str] = ..., since_ms: _Optional[int] = ...) -> None: ...

class MemberPresence(_message.Message):
    __slots__ = ("mid", "online", "last_seen_ms", "devices")
    MID_FIELD_NUMBER: _ClassVar[int]
    ONLINE_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_MS_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    mid: int
    online: bool
    last_seen_ms: int
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    def __init__(self, mid: _Optional[int] = ..., online: _Optional[bool] = ..., last_seen_ms: _Optional[int] = ..., devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ...) -> None: ...

class MembersReply(_message.Message):
    __slots__ = ("members", "error")
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedCompositeFieldContainer[MemberPresence]
    error: Error
    def __init__(self, members: _Optional[_Iterable[_Union[MemberPresence, _Mapping]]] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class WeightedRequest(_message.Message):
    __slots__ = ("platform", "address")
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    platform: str
    address: str
    def __init__(self, platform: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class Backoff(_message.Message):
    __slots__ = ("max_delay", "base_delay", "factor", "jitter")
    MAX_DELAY_FIELD_NUMBER: _ClassVar[int]
    BASE_DELAY_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    JITTER_FIELD_NUMBER: _ClassVar[int]
    max_delay: int
    base_delay: int
    factor: float
    jitter: float
    def __init__(self, max_delay: _Optional[int] = ..., base_delay: _Optional[int] = ..., factor: _Optional[float] = ..., jitter: _Optional[float] = ...) -> None: ...

class WeightedReply(_message.Message):
    __slots__ = ("domain", "tcp_port", "ws_port", "wss_port", "heartbeat", "nodes", "backoff", "heartbeat_max", "error")
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    TCP_PORT_FIELD_NUMBER: _ClassVar[int]
    WS_PORT_FIELD_NUMBER: _ClassVar[int]
    WSS_PORT_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_MAX_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    domain: str
    tcp_port: int
    ws_port: int
    wss_port: int
    heartbeat: int
    nodes: _containers.RepeatedScalarFieldContainer[str]
    backoff: Backoff
    heartbeat_max: int
    error: Error
    def __init__(self, domain: _Optional[str] = ..., tcp_port: _Optional[int] = ..., ws_port: _Optional[int] = ..., wss_port: _Optional[int] = ..., heartbeat: _Optional[int] = ..., nodes: _Optional[_Iterable[str]] = ..., backoff: _Optional[_Union[Backoff, _Mapping]] = ..., heartbeat_max: _Optional[int] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class InstancesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class InstancesReply(_message.Message):
    __slots__ = ("nodes", "error")
    NODES_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[Node]
    error: Error
    def __init__(self, nodes: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class SessionEvent(_message.Message):
    __slots__ = ("what", "mid", "time_ms", "devices", "last_seen_ms")
    WHAT_FIELD_NUMBER: _ClassVar[int]
    MID_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_MS_FIELD_NUMBER: _ClassVar[int]
    what: str
    mid: int
    time_ms: int
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    last_seen_ms: int
    def __init__(self, what: _Optional[str] = ..., mid: _Optional[int] = ..., time_ms: _Optional[int] = ..., devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ..., last_seen_ms: _Optional[int] = ...) -> None: ...

class UndeliveredEvent(_message.Message):
    __slots__ = ("mid", "operation", "sequence", "id", "body", "time_ms", "sender")
    MID_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    mid: int
    operation: int
    sequence: int
    id: str
    body: bytes
    time_ms: int
    sender: int
    def __init__(self, mid: _Optional[int] = ..., operation: _Optional[int] = ..., sequence: _Optional[int] = ..., id: _Optional[str] = ..., body: _Optional[bytes] = ..., time_ms: _Optional[int] = ..., sender: _Optional[int] = ...) -> None: ...
