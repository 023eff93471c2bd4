"""`python -m edge_agent`: the agent's commands without the other packages'."""

import click

from edge_agent.cli import agent, pin

if __name__ == "__main__":
    click.Group("lophoc", commands=[agent, pin], context_settings={"auto_envvar_prefix": "LOPHOC"})()
