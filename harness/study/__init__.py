"""The user study: people judge a run's clips; see `votes` for what is kept, `assign` for who sees what.

Nothing here imports Ray: the web application is `app.create_app`, which any ASGI server runs.
"""
