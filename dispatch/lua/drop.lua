-- Reconciliation: PostgreSQL knows nothing of this order, or nothing of its opening: an engine will open it anew.
-- KEYS: order offers
-- ARGV: order_id
-- USES: emit
-- Answers: ok
local o = load(order_id)
local nothing = {due_at = '', desk_at = '', status = '', round_offered = '0', limit = '0', audience = '', agent_id = ''}
redis.call('DEL', order_key)
forget_offers(order_id)
unwant(order_id)
index({id = order_id, f = nothing, was = o and o.was or '', was_on_desk = true, wanted = ''})
return {'ok', emitted, ''}
