"""Signals about accounts, for apps that record what happens; accounts itself keeps no log.

- `sessions_ended(account_id)`: the owner signed out everywhere else.
- `password_removed(account)`: staff removed the account's password.
- `account_changed(before, after, fields)`: staff changed the named fields of the account.
- `limits_changed(plan, changes)`: staff changed the plan's limits; `changes` says how, in words.
- `account_closed(account)`: sent inside the transaction that closes it. Receivers end what gives
  access to the account, and leave its data alone.
- `account_emptied(account)`: sent by the job that deletes a closed account, before its row goes.
  Receivers delete the data that they keep for it, in batches; they may be called again.
"""

from django.dispatch import Signal

sessions_ended = Signal()
password_removed = Signal()
account_changed = Signal()
limits_changed = Signal()
account_closed = Signal()
account_emptied = Signal()
