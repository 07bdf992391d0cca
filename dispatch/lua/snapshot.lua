-- The present again, for a session that may have missed something.
-- KEYS: agent
-- ARGV: agent_id most
-- USES: emit snapshot
-- Answers: ok and a snapshot
local extra = snapshot(agent_id, tonumber(most))
return {'ok', emitted, extra}
