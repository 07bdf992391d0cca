"""Policies: the terms of each kind, as operators put them (PROTOCOL §6).

What a policy means is `dispatch.policy`'s. Invariant: what is answered is what is stored.
"""

import msgspec

from admin_api.answers import PolicyPage
from admin_api.bodies import PolicyBody
from admin_api.endpoint import Ask, Operation
from admin_api.examples import TOWING
from admin_api.fields import Id
from admin_api.paging import Paging, Query, page
from dispatch.identity import STAFF, Role
from dispatch.policy import Policy


async def put(ask: Ask[Query, object]) -> Policy:
    return await ask.dispatch.catalog.put_policy(ask.path["kind"], ask.raw)


async def listed(ask: Ask[Paging, None]) -> object:
    limit, after = ask.query.limit, ask.query.after(Id)
    policies = [each for each in ask.dispatch.catalog.policies if after is None or each.kind > after]
    return page(policies[: limit + 1], limit, msgspec.to_builtins, lambda policy: policy.kind)


OPERATIONS = (
    Operation(
        method="PUT",
        path="/v1/policies/{kind}",
        summary="Create or change the policy of a kind",
        roles=(Role.ADMIN,),
        handler=put,
        body=PolicyBody,
        answer=(Policy,),
        example=msgspec.to_builtins(TOWING),
    ),
    Operation(
        method="GET",
        path="/v1/policies",
        summary="List policies by kind",
        roles=tuple(sorted(STAFF)),
        handler=listed,
        query=Paging,
        answer=(PolicyPage,),
    ),
)
