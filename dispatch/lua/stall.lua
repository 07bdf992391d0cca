-- A holder let the time limit of his step pass: the order shows at the desk and stays with him.
-- KEYS: order
-- ARGV: order_id due_at
-- USES: emit
-- Answers: ok | passed
local o = load(order_id)
if not o or not HELD[o.f.status] or o.f.due_at ~= due_at then return {'passed', emitted, ''} end
set(o, {stalled = '1', desk_at = now, due_at = ''})
commit(o, 'stalled', 'engine:', {due_at = tonumber(due_at), status = o.f.status, agent_id = o.f.agent_id})
return done('ok')
