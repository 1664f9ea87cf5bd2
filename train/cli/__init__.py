"""The commands of training, one file each; they import what they run inside their functions."""

from __future__ import annotations

import typer

from rtstyle.cli.grouped import grouped

from . import domain, export, graph, mean, pairs, perceptual, pointillism, style

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def commands() -> None:
    """Make styles of your own; train and export rtstyle's generators."""


app.command()(style.style)
app.command()(grouped(perceptual.perceptual))
app.command()(mean.mean)
app.command()(export.export)
app.command()(graph.graph)
app.command()(pointillism.pointillism)
app.command()(grouped(pairs.pairs))
app.command()(grouped(domain.dcnn))
app.command()(grouped(domain.drn))
app.command()(grouped(domain.adversarial))
app.command()(grouped(domain.student))
app.command("export-domain")(domain.export_domain)
