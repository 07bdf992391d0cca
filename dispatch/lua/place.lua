-- A new order enters the house: from its SQL row at version 0 to `scheduled` or into round 1.
-- Intake and an engine that finds the row still at version 0 may both come: the second finds the order there.
-- KEYS: order
-- ARGV: order_id actor state terms opens_at
-- USES: emit match
-- Answers: ok | exists
local again = replayed()
if again then return again end
if redis.call('EXISTS', order_key) == 1 then return {'exists', emitted, ''} end
local o = {id = order_id, f = cmsgpack.unpack(state), dirty = {}, was = '', was_on_desk = false, wanted = ''}
set(o, o.f)
if lies_ahead(opens_at) then
  set(o, {status = STATUS.scheduled, due_at = opens_at})
  commit(o, 'placed', actor, {})
else
  set(o, {status = STATUS.open, due_at = now, round_offered = 0, limit = 0})
  commit(o, 'placed', actor, {}, {}, true)
  start_round(o, cmsgpack.unpack(terms), true, 'opened', actor, {})
end
return done('ok')
