"""A store in a PostgreSQL database, for several servers at once.

`store` is the store; `address` and `database` connect, `dialect` takes what is SQLite's out of the
SQL of the parts, `tables` does what PostgreSQL does in its own way, `schema` makes the tables.
"""
