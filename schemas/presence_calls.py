"""The calls about who is connected and where, described once (schemas/call.py).

docs/presence.md says what members are told by HTTP; on NATS everything is.
"""

from schemas.call import Call, Caller
from schemas.messages_pb2 import (
    InstancesReply,
    InstancesRequest,
    MembersReply,
    MembersRequest,
    PresenceReply,
    PresenceReport,
    RoomsReply,
    RoomsRequest,
    TopReply,
    TopRequest,
    TotalReply,
    TotalRequest,
    WeightedReply,
    WeightedRequest,
    WhoReply,
    WhoRequest,
)

ASKED = ("bad_field",)

PRESENCE_CALLS = (
    Call(
        "presence",
        "members",
        MembersRequest,
        MembersReply,
        Caller.MEMBER,
        "Tell which members are online, with which devices, or when they were seen last.",
        ASKED,
    ),
    Call(
        "presence",
        "who",
        WhoRequest,
        WhoReply,
        Caller.MEMBER,
        "Tell who is in a room right now; operators may ask by member and by key too.",
        ASKED,
        command="who",
    ),
    Call(
        "presence",
        "rooms",
        RoomsRequest,
        RoomsReply,
        Caller.MEMBER,
        "Count who is in each of these rooms.",
        ASKED,
    ),
    Call(
        "presence",
        "total",
        TotalRequest,
        TotalReply,
        Caller.MEMBER,
        "Count all connections and the addresses that they come from.",
        command="who",
    ),
    Call(
        "presence",
        "top",
        TopRequest,
        TopReply,
        Caller.OPERATOR,
        "List the fullest rooms of a type.",
        ASKED,
    ),
    Call(
        "presence",
        "report",
        PresenceReport,
        PresenceReply,
        Caller.GATEWAY,
        "Report who came and went on a gateway.",
    ),
)

NODE_CALLS = (
    Call(
        "nodes",
        "weighted",
        WeightedRequest,
        WeightedReply,
        Caller.ANYONE,
        "Tell which gateways to connect to, the best first.",
    ),
    Call(
        "nodes",
        "instances",
        InstancesRequest,
        InstancesReply,
        Caller.OPERATOR,
        "List all live gateways.",
    ),
)
