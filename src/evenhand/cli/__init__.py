"""The command line. Every command is in the file of its topic; importing a file puts its commands in."""

from evenhand.cli import data as data
from evenhand.cli import erasure as erasure
from evenhand.cli import exchange as exchange
from evenhand.cli import keys as keys
from evenhand.cli import labelling as labelling
from evenhand.cli import ledger as ledger
from evenhand.cli import models as models
from evenhand.cli import people as people
from evenhand.cli import projects as projects
from evenhand.cli import running as running
from evenhand.cli import shares as shares
from evenhand.cli import tables as tables
from evenhand.cli import webhooks as webhooks
from evenhand.cli.frame import commands, main, run

__all__ = ["commands", "main", "run"]
