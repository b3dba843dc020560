import json
import subprocess
import sys
from pathlib import Path

INTERPRETER = [sys.executable, "-u", "-m", "embedded_cloud.language_host.program"]

SCRIPT = """
import json, os, sys
print(json.dumps([__name__, __file__, sys.argv, sys.path[0], os.getcwd(), os.environ["GREETING"], sys.stdin.read()]))
sys.exit(32)
"""


def test_a_script_runs_as_if_python_had_been_started_with_it(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(SCRIPT)
    folder = tmp_path / "folder"
    folder.mkdir()
    order = {
        "command": [str(script), "--flag", "of it"],
        "environment": {"GREETING": "hello"},
        "folder": str(folder),
        "debug": False,
    }
    done = subprocess.run(INTERPRETER, input=json.dumps(order) + "\n", capture_output=True, text=True, check=False)
    expected = ["__main__", str(script), order["command"], str(tmp_path), str(folder), "hello", ""]
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (32, expected, "")


def test_an_interpreter_that_gets_no_program_ends() -> None:
    done = subprocess.run(INTERPRETER, input="", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
