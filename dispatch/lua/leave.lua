-- A socket is gone.
-- KEYS: session
-- ARGV: agent_id session_id
-- USES: sessions
-- Answers: ok
end_session(agent_id, session_id)
return {'ok', emitted, ''}
