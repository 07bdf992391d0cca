-- A scheduled order's time has come. A deadline: compared with the time it was read with, never with a version.
-- KEYS: order
-- ARGV: order_id due_at terms
-- USES: emit match
-- Answers: ok | passed
local o = load(order_id)
if not o or o.f.status ~= STATUS.scheduled or o.f.due_at ~= due_at then return {'passed', emitted, ''} end
start_round(o, cmsgpack.unpack(terms), true, 'opened', 'engine:', {due_at = tonumber(due_at)})
return done('ok')
