"""The function app: registers the blueprints of functions/, nothing else."""

import atexit
import gc

import azure.durable_functions as df

from functions import backup, browse, customers, health, protection, restore, restore_work, retention

app = df.DFApp()
for module in (backup, browse, customers, health, protection, restore, restore_work, retention):
    app.register_functions(module.bp)

# What is loaded by now, most of it the Graph SDK, stays: no collection is to go through it again and again. It is let
# go at the end, or libraries that look for what is left over would find it.
gc.freeze()
atexit.register(gc.unfreeze)
