-- One engine a region is active; correctness never rests on it.
-- KEYS: lease
-- ARGV: owner lease_ms
-- Answers: ok | held
local owner_now = redis.call('GET', lease_key)
if owner_now and owner_now ~= owner then return {'held', emitted, ''} end
redis.call('SET', lease_key, owner, 'PX', lease_ms)
return {'ok', emitted, ''}
