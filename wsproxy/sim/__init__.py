"""A Backend.AI installation in one process: what the demo and the tests stand the gateway against.

    manager (HMAC)  ──  web server (login sessions, /func/…)  ──  containers (real apps)

``manager`` answers as real managers of three eras do, ``webserver`` signs on behalf of a logged-in
user and hides what the real one hides, ``containers`` starts the apps, ``story`` is what a person
does with them. Nothing of the gateway imports this package.
"""
