"""EDGE the router's subjects: which request goes to which part."""

import structlog

from bus.connection import Bus
from bus.errors import BusError
from bus.service import Service
from router.members import Members
from router.presence import Presence
from router.pushing import Pushing
from router.queries import Queries
from router.rows import gateway_of
from router.session_events import SessionEvents
from router.upstream import Upstream
from schemas.close_codes import CloseCode
from schemas.messages_pb2 import (
    CloseSession,
    GatewayCommand,
    InstancesReply,
    InstancesRequest,
    MembersReply,
    MembersRequest,
    PresenceReply,
    PresenceReport,
    PushReply,
    PushRequest,
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

log = structlog.get_logger()


class RouterBus:
    """The router's endpoints on one Service."""

    def __init__(self, bus: Bus, service: Service) -> None:
        self.bus = bus
        self.service = service
        self.closings = 0  # commands sent to close a replaced session

    def serve_pushes(self, pushing: Pushing) -> None:
        """Answer `goim.pushes.keys|mids|room|all`."""
        rpc = self.bus.subjects.rpc
        for name, handler in (("keys", pushing.push_keys), ("mids", pushing.push_mids)):
            subject = rpc("pushes", name)
            self.service.serve(f"pushes_{name}", subject, PushRequest, PushReply, handler)
        for name, at_once in (("room", pushing.push_room), ("all", pushing.push_all)):
            subject = rpc("pushes", name)
            self.service.serve_callback(f"pushes_{name}", subject, PushRequest, PushReply, at_once)

    def serve_upstream(self, upstream: Upstream) -> None:
        """Answer `goim.up.>` and `goim.direct.>`."""
        serve, rpc = self.service.serve_raw, self.bus.subjects.rpc
        serve("up", rpc("up", ">"), upstream.handle_sent)
        serve("direct", rpc("direct", ">"), upstream.handle_direct)

    def serve_presence(self, presence: Presence, events: SessionEvents) -> None:
        """Answer `goim.presence.report`, have replaced sessions closed and events published."""

        async def report(request: PresenceReport) -> PresenceReply:
            reported = await presence.report(request)
            events.notice(reported.events)
            for session in reported.closing:
                self.close_replaced(session)
            return reported.reply

        subject = self.bus.subjects.rpc("presence", "report")
        self.service.serve("presence_report", subject, PresenceReport, PresenceReply, report)

    def serve_queries(self, queries: Queries) -> None:
        """Answer `goim.presence.top|rooms|total|who` and `goim.nodes.weighted|instances`."""
        serve, rpc = self.service.serve, self.bus.subjects.rpc
        top, rooms = rpc("presence", "top"), rpc("presence", "rooms")
        serve("presence_top", top, TopRequest, TopReply, queries.top)
        serve("presence_rooms", rooms, RoomsRequest, RoomsReply, queries.rooms)
        total, who = rpc("presence", "total"), rpc("presence", "who")
        serve("presence_total", total, TotalRequest, TotalReply, queries.total)
        serve("presence_who", who, WhoRequest, WhoReply, queries.who)
        weighted, instances = rpc("nodes", "weighted"), rpc("nodes", "instances")
        serve("nodes_weighted", weighted, WeightedRequest, WeightedReply, queries.weighted)
        serve("nodes_instances", instances, InstancesRequest, InstancesReply, queries.instances)

    def serve_members(self, members: Members) -> None:
        """Answer `goim.presence.members`."""
        subject = self.bus.subjects.rpc("presence", "members")
        self.service.serve(
            "presence_members", subject, MembersRequest, MembersReply, members.members
        )

    def close_replaced(self, session: str) -> None:
        """Tell the session's gateway to close it; repeated at each report until it is gone."""
        code = CloseCode.REPLACED
        close = CloseSession(session=session, code=code.number, reason=code.words)
        subject = self.bus.subjects.gateway(gateway_of(session))
        try:
            self.bus.publish(subject, GatewayCommand(close=close).SerializeToString())
            self.closings += 1
        except BusError as error:
            log.warning("close_not_sent", session=session, error=str(error))
