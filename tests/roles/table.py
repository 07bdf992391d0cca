# ruff: noqa: E501 (a table is read by its columns)
"""Who may do what to whose, cell by cell: the table that the tests hold the server to.

Columns are the six roles; in each cell three words for an object that is his own, another's of the same region, and
of another region. Staff's and the service's tokens are for one region: its orders are "own", and one that another
dispatcher has in hand is "another's". The word behind a route says what stands ready for the request.

full     2xx, and the object with all that is private in it    shown    2xx, and the object
public   2xx, and the object without anything private          none     2xx, and the object is not in it
refused  200, with the verdict `refused`, `not_offered`        403 …    that status
-        there is no such case: what is asked for belongs to nobody
"""

from typing import NamedTuple

from dispatch.identity import Role

ROLES = (Role.VALET, Role.SHOP, Role.CUSTOMER, Role.DISPATCHER, Role.ADMIN, Role.SERVICE)
RELATIONS = ("own", "another", "far")

ROUTES = """
route                            ready     | valet               | shop                | customer      | dispatcher      | admin           | service
POST   /v1/orders                customer  | 403/403/403         | 403/403/403         | full/403/403  | full/full/403   | 403/403/403     | full/full/403
GET    /v1/orders                held      | full/none/none      | full/none/none      | full/none/none| full/full/none  | full/full/none  | full/full/none
GET    /v1/orders                offered   | none/none/none      | none/none/none      | full/none/none| full/full/none  | full/full/none  | full/full/none
POST   /v1/orders/lookup         offered   | 403/403/403         | 403/403/403         | 403/403/403   | full/full/none  | 403/403/403     | full/full/none
POST   /v1/orders/lookup         held      | 403/403/403         | 403/403/403         | 403/403/403   | full/full/none  | 403/403/403     | full/full/none
GET    /v1/orders/{id}           held      | full/404/404        | full/404/404        | full/404/404  | full/full/404   | full/full/404   | full/full/404
GET    /v1/orders/{id}           offered   | public/404/404      | public/404/404      | full/404/404  | full/full/404   | full/full/404   | full/full/404
GET    /v1/orders/{id}           escalated | 404/404/404         | 404/404/404         | full/404/404  | full/full/404   | full/full/404   | full/full/404
PATCH  /v1/orders/{id}           offered   | 403/403/403         | 403/403/403         | full/404/404  | full/full/404   | 403/403/403     | full/full/404
PATCH  /v1/orders/{id}           held      | 403/403/403         | 403/403/403         | 409/404/404   | full/full/404   | 403/403/403     | full/full/404
GET    /v1/orders/{id}/timeline  held      | 403/403/403         | 403/403/403         | 403/403/403   | shown/shown/404 | shown/shown/404 | shown/shown/404
GET    /v1/orders/{id}/candidates offered  | 403/403/403         | 403/403/403         | 403/403/403   | shown/shown/404 | shown/shown/404 | 403/403/403
POST   /v1/orders/{id}/grab      offered   | full/refused/refused| full/refused/refused| 403/403/403   | 403/403/403     | 403/403/403     | 403/403/403
POST   /v1/orders/{id}/grab      held      | full/refused/refused| full/refused/refused| 403/403/403   | 403/403/403     | 403/403/403     | 403/403/403
POST   /v1/voice-notes           customer  | 403/403/403         | 403/403/403         | full/403/403  | full/full/403   | 403/403/403     | full/full/403
POST   /v1/orders/{id}/voice-notes held    | full/404/404        | full/404/404        | full/404/404  | full/full/404   | 403/403/403     | full/full/404
POST   /v1/orders/{id}/voice-notes offered | 404/404/404         | 404/404/404         | full/404/404  | full/full/404   | 403/403/403     | full/full/404
GET    /v1/voice-notes/{id}      held      | shown/403/403       | shown/403/403       | shown/403/403 | shown/shown/403 | shown/shown/403 | shown/shown/403
GET    /v1/voice-notes/{id}      offered   | 403/403/403         | 403/403/403         | shown/403/403 | shown/shown/403 | shown/shown/403 | shown/shown/403
POST   /v1/orders/{id}/progress  held      | full/404/404        | full/404/404        | 403/403/403   | full/full/404   | 403/403/403     | 403/403/403
POST   /v1/orders/{id}/progress  offered   | 404/404/404         | 404/404/404         | 403/403/403   | 409/409/404     | 403/403/403     | 403/403/403
POST   /v1/orders/{id}/release   held      | full/404/404        | full/404/404        | 403/403/403   | full/full/404   | 403/403/403     | 403/403/403
POST   /v1/orders/{id}/assign    offered   | 403/403/403         | 403/403/403         | 403/403/403   | full/full/404   | 403/403/403     | 403/403/403
POST   /v1/orders/{id}/assign    escalated | 403/403/403         | 403/403/403         | 403/403/403   | full/409/404    | 403/403/403     | 403/403/403
POST   /v1/orders/{id}/assign    agent     | 403/403/403         | 403/403/403         | 403/403/403   | full/full/422   | 403/403/403     | 403/403/403
POST   /v1/orders/{id}/reopen    escalated | 403/403/403         | 403/403/403         | 403/403/403   | full/409/404    | 403/403/403     | 403/403/403
POST   /v1/orders/{id}/close     escalated | 403/403/403         | 403/403/403         | 403/403/403   | full/409/404    | 403/403/403     | 403/403/403
POST   /v1/orders/{id}/cancel    held      | 403/403/403         | 403/403/403         | full/404/404  | full/full/404   | 403/403/403     | full/full/404
GET    /v1/desk                  escalated | 403/403/403         | 403/403/403         | 403/403/403   | full/full/none  | 403/403/403     | 403/403/403
GET    /v1/map                   held      | 403/403/403         | 403/403/403         | 403/403/403   | shown/shown/none| shown/shown/none| 403/403/403
GET    /v1/map                   agent     | 403/403/403         | 403/403/403         | 403/403/403   | shown/shown/none| shown/shown/none| 403/403/403
GET    /v1/figures               held      | 403/403/403         | 403/403/403         | 403/403/403   | shown/shown/none| shown/shown/none| 403/403/403
POST   /v1/desk/{id}/take_up     escalated | 403/403/403         | 403/403/403         | 403/403/403   | full/409/404    | 403/403/403     | 403/403/403
GET    /v1/hall                  offered   | public/none/none    | public/none/none    | 403/403/403   | 403/403/403     | 403/403/403     | 403/403/403
GET    /v1/jobs                  held      | full/none/none      | full/none/none      | 403/403/403   | 403/403/403     | 403/403/403     | 403/403/403
PUT    /v1/agents/{id}           agent     | 403/403/403         | 403/403/403         | 403/403/403   | 403/403/403     | shown/shown/403 | shown/shown/403
GET    /v1/agents/{id}           agent     | shown/404/404       | shown/404/404       | 403/403/403   | shown/shown/404 | shown/shown/404 | shown/shown/404
GET    /v1/agents                agent     | 403/403/403         | 403/403/403         | 403/403/403   | shown/shown/none| shown/shown/none| shown/shown/none
PUT    /v1/policies/{kind}       policy    | 403/-/-             | 403/-/-             | 403/-/-       | 403/-/-         | shown/-/-       | 403/-/-
GET    /v1/policies              policy    | 403/-/-             | 403/-/-             | 403/-/-       | shown/-/-       | shown/-/-       | 403/-/-
PUT    /v1/regions/{id}          region    | 403/-/403           | 403/-/403           | 403/-/403     | 403/-/403       | shown/-/403     | 403/-/403
DELETE /v1/regions/{id}          region    | 403/-/403           | 403/-/403           | 403/-/403     | 403/-/403       | 409/-/403       | 403/-/403
GET    /v1/regions               region    | 403/-/403           | 403/-/403           | 403/-/403     | shown/-/none    | shown/-/none    | 403/-/403
GET    /v1/sessions              session   | 403/403/403         | 403/403/403         | 403/403/403   | shown/shown/none| shown/shown/none| 403/403/403
DELETE /v1/sessions/{id}         session   | 403/403/403         | 403/403/403         | 403/403/403   | 204/204/404     | 204/204/404     | 403/403/403
DELETE /v1/sessions/{id}         people    | 403/-/-             | 403/-/-             | 403/-/-       | 404/-/-         | 404/-/-         | 403/-/-
POST   /v1/notices               region    | 403/-/403           | 403/-/403           | 403/-/403     | shown/-/403     | shown/-/403     | 403/-/403
GET    /v1/notices               notice    | shown/none/none     | shown/none/none     | shown/none/shown| shown/shown/none| shown/shown/none| shown/none/none
"""

SAID = """
message                          ready     | valet               | shop                | customer      | dispatcher      | admin           | service
hello                            token     | welcome/4502/4502   | welcome/4502/4502   | welcome/-/-   | welcome/-/-     | welcome/-/-     | welcome/-/-
position                         -         | quiet/-/-           | quiet/-/-           | forbidden/-/- | forbidden/-/-   | forbidden/-/-   | forbidden/-/-
status                           -         | ok/-/-              | ok/-/-              | forbidden/-/- | forbidden/-/-   | forbidden/-/-   | forbidden/-/-
grab                             offered   | won/refused/refused | won/refused/refused | forbidden/forbidden/forbidden | forbidden/forbidden/forbidden | forbidden/forbidden/forbidden | forbidden/forbidden/forbidden
decline                          offered   | ok/not_found/not_found | ok/not_found/not_found | forbidden/forbidden/forbidden | forbidden/forbidden/forbidden | forbidden/forbidden/forbidden | forbidden/forbidden/forbidden
seen                             offered   | marked/quiet/quiet  | marked/quiet/quiet  | forbidden/forbidden/forbidden | forbidden/forbidden/forbidden | forbidden/forbidden/forbidden | forbidden/forbidden/forbidden
progress                         held      | ok/not_found/not_found | ok/not_found/not_found | forbidden/forbidden/forbidden | forbidden/forbidden/forbidden | forbidden/forbidden/forbidden | forbidden/forbidden/forbidden
release                          held      | ok/not_found/not_found | ok/not_found/not_found | forbidden/forbidden/forbidden | forbidden/forbidden/forbidden | forbidden/forbidden/forbidden | forbidden/forbidden/forbidden
heard                            held      | ok/not_found/not_found | ok/not_found/not_found | forbidden/forbidden/forbidden | ok/ok/not_found | forbidden/forbidden/forbidden | forbidden/forbidden/forbidden
ping                             -         | pong/-/-            | pong/-/-            | pong/-/-      | pong/-/-        | pong/-/-        | pong/-/-
"""
"""`hello` with a token of his own, with another's id under his role, and for another region. `marked`: nothing is
answered, and the candidates' list shows it; `quiet`: nothing at all. Others are codes of `error` or of closing."""

HEARD = """
message                          ready     | valet               | shop                | customer      | dispatcher      | admin           | service
offers                           offered   | public/no/no        | public/no/no        | no/no/no      | no/no/no        | no/no/no        | no/no/no
jobs                             held      | full/no/no          | full/no/no          | no/no/no      | no/no/no        | no/no/no        | no/no/no
desk_list                        escalated | no/no/no            | no/no/no            | no/no/no      | full/full/no    | no/no/no        | no/no/no
orders                           held      | no/no/no            | no/no/no            | full/no/no    | no/no/no        | no/no/no        | no/no/no
offer                            life      | public/no/no        | public/no/no        | no/no/no      | no/no/no        | no/no/no        | no/no/no
retract                          life      | public/no/no        | public/no/no        | no/no/no      | no/no/no        | no/no/no        | no/no/no
job                              life      | full/no/no          | full/no/no          | no/no/no      | no/no/no        | no/no/no        | no/no/no
unjob                            life      | public/no/no        | public/no/no        | no/no/no      | no/no/no        | no/no/no        | no/no/no
order                            life      | no/no/no            | no/no/no            | full/no/no    | no/no/no        | no/no/no        | no/no/no
track                            life      | no/no/no            | no/no/no            | public/no/no  | no/no/no        | no/no/no        | no/no/no
desk                             life      | no/no/no            | no/no/no            | no/no/no      | full/full/no    | no/no/no        | no/no/no
notice                           notice    | public/no/no        | public/no/no        | public/no/public | public/no/no | public/no/no    | public/no/no
"""
"""What each hears of an order's life, or finds in the lists of `welcome` (`desk_list` is its `desk`). Agents' `own`
order goes through his hands once and through those of the other role once."""


class Cell(NamedTuple):
    """`subject` is a route, or a type of message."""

    subject: str
    ready: str
    role: Role
    relation: str
    expected: str


def cells(table: str) -> list[Cell]:
    found: list[Cell] = []
    for line in table.strip().splitlines()[1:]:
        head, *columns = [part.strip() for part in line.split("|")]
        *subject, ready = head.split()
        for role, column in zip(ROLES, columns, strict=True):
            for relation, expected in zip(RELATIONS, column.split("/"), strict=True):
                if expected != "-":
                    found.append(Cell(" ".join(subject), ready, role, relation, expected))
    return found
