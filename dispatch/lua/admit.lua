-- A session of staff or of a customer begins, in the people's slot; the oldest of too many are over.
-- KEYS: sessions seen
-- ARGV: agent_id session_id meta most_sessions stale_ms
-- USES: emit sessions
-- Answers: ok
begin_session(agent_id, session_id, meta, tonumber(most_sessions), tonumber(stale_ms))
redis.call('ZADD', seen_key, now, agent_id)
return {'ok', {}, ''}
