"""`lophoc ops account` and `lophoc ops key`."""

from pathlib import Path

from click.testing import CliRunner

from cloud_ingest.accounts.account_file import FILE, AccountFile
from cloud_ingest.accounts.accounts import Accounts
from cloud_ingest.accounts.audit import Audit
from cloud_ingest.accounts.cli import account, key

PASSWORD = "correct horse battery"


def test_the_first_admin_and_a_key_without_a_browser(tmp_path: Path) -> None:
    run, data = CliRunner(), ["--data", str(tmp_path)]
    made = run.invoke(account, ["add", *data, "--role", "admin", "--from-stdin", "chief"], input=PASSWORD + "\n")
    assert (made.exit_code, "chief (admin)" in made.output, PASSWORD in made.output) == (0, True, False)
    of_school = ["--role", "school", "--school", "le-loi", "--subject", "i s"]
    assert run.invoke(account, ["add", *data, *of_school, "sso"]).exit_code == 0
    assert run.invoke(account, ["password", *data, "--from-stdin", "chief"], input=PASSWORD + "!\n").exit_code == 0
    written = run.invoke(key, ["add", *data, "--scope", "read", "--days", "3", "board"]).output.strip()
    listed = run.invoke(account, ["list", *data]).output
    assert [line.split()[0] for line in listed.splitlines()] == ["chief", "sso"]
    with AccountFile(tmp_path / FILE) as file:
        accounts = Accounts(file)
        assert accounts.log_in("chief", PASSWORD + "!", "::1")[1].role == "admin"
        assert accounts.who_of_key(written) is not None
        key_id = accounts.api_keys()[0].id
        actions = [entry.action for entry in Audit(file).read()]
    assert actions == ["key.add", "account.password", "account.add", "account.add"]
    shown = run.invoke(key, ["list", *data]).output
    assert key_id in shown
    assert written.rpartition("_")[2] not in shown
    assert run.invoke(key, ["remove", *data, key_id]).exit_code == 0
    assert run.invoke(account, ["remove", *data, "sso"]).exit_code == 0


def test_what_is_wrong_is_said_with_exit_code_2(tmp_path: Path) -> None:
    run, data = CliRunner(), ["--data", str(tmp_path)]
    short = run.invoke(account, ["add", *data, "--role", "admin", "--from-stdin", "chief"], input="short\n")
    assert (short.exit_code, "password: a password has 12 to 256 characters" in short.output) == (2, True)
    assert run.invoke(account, ["remove", *data, "nobody"]).exit_code == 2
    assert run.invoke(key, ["remove", *data, "nothing"]).exit_code == 2
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / FILE).write_bytes(b"no database" * 100)
    assert run.invoke(account, ["list", "--data", str(tmp_path / "broken")]).exit_code == 1
