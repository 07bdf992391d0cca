-- The holder gives the order back (or a dispatcher takes it from him, agent_id ''): from `assigned` and `en_route`
-- it opens again without him; from `arrived` and `working` the car may be in his hands: to the desk.
-- KEYS: order
-- ARGV: order_id agent_id fence reason actor terms
-- USES: emit match
-- Answers: ok | missing | not_holder | stale_fence | not_held
local again = replayed()
if again then return again end
local o = load(order_id)
if not o then return {'missing', emitted, ''} end
local f = o.f
if agent_id ~= '' and f.agent_id ~= agent_id and not has(f.released, agent_id) then return {'not_holder', emitted, ''} end
if f.fence ~= fence or (agent_id ~= '' and f.agent_id ~= agent_id) then return {'stale_fence', emitted, ''} end
if not HELD[f.status] then return {'not_held', emitted, f.status} end
local holder, from, offered = f.agent_id, f.status, cmsgpack.unpack(terms)
local data = {agent_id = holder, fence = tonumber(f.fence), reason = reason, from = from}
if not has(f.released, holder) then set(o, {released = f.released .. holder .. ','}) end
set(o, {reason = reason})
set(o, OFF_DESK)
if from == STATUS.arrived or from == STATUS.working then
  local at = redis.call('HMGET', key('agent', holder), 'lat', 'lon')
  data.lat, data.lon = tonumber(at[1] or ''), tonumber(at[2] or '')
  set(o, {status = STATUS.escalated, desk_at = now, due_at = now + offered.desk_ms})
  commit(o, 'released', actor, data)
else
  start_round(o, offered, true, 'released', actor, data)
end
free(holder)
return done('ok')
