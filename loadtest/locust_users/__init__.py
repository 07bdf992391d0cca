"""The users, the stage and the figures of the locustfile; everything here runs on gevent, nothing on asyncio."""
