"""The address zoo: small servers that are each wrong in one way (design 8).

``table.ANIMALS`` lists them by name. Every animal is entered with ``async with``, gives the address
to put into a group (or to use as a gateway, a container, a manager), and is gone afterwards with
all its connections:

    async with ANIMALS["redirect-loop"]() as address:
        ...

Reading path: ``table`` (who lives here and what to expect), ``answers`` (what they say),
``transport`` (those that are wrong below HTTP), ``keeper`` (how any of them is run).
"""
