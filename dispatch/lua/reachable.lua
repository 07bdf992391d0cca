-- The agents of the region that can be reached now, those last heard of first.
-- KEYS: seen
-- ARGV: most
-- Answers: ok and the ids
return {'ok', emitted, cmsgpack.pack(redis.call('ZREVRANGE', seen_key, 0, most - 1))}
