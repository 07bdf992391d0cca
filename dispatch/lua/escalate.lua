-- The last round ended with nobody: the order waits at the desk, all offers end.
-- KEYS: order
-- ARGV: order_id due_at desk_ms
-- USES: emit
-- Answers: ok | passed
local o = load(order_id)
if not o or o.f.status ~= STATUS.open or o.f.due_at ~= due_at then return {'passed', emitted, ''} end
set(o, {status = STATUS.escalated, desk_at = now, due_at = now + desk_ms})
commit(o, 'escalated', 'engine:', {due_at = tonumber(due_at), offered = tonumber(o.f.offered)})
return done('ok')
