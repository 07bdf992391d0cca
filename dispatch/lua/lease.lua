-- One engine a region is active; correctness never rests on it. `lease_ms` 0 gives it back.
-- KEYS: lease
-- ARGV: owner lease_ms
-- Answers: ok | held
local owner_now = redis.call('GET', lease_key)
if owner_now and owner_now ~= owner then return {'held', emitted, ''} end
if lease_ms == '0' then redis.call('DEL', lease_key)
else redis.call('SET', lease_key, owner, 'PX', lease_ms) end
return {'ok', emitted, ''}
