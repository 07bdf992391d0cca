-- A round ended with nobody: the next one, wider; earlier offers stay alive.
-- A grab or an edit may have come first: then the deadline read is no longer the order's, and nothing happens.
-- KEYS: order
-- ARGV: order_id due_at terms
-- USES: emit match
-- Answers: ok | passed
local o = load(order_id)
if not o or o.f.status ~= STATUS.open or o.f.due_at ~= due_at then return {'passed', emitted, ''} end
start_round(o, cmsgpack.unpack(terms), false, 'widened', 'engine:', {due_at = tonumber(due_at)})
return done('ok')
