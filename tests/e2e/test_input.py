"""Standard input reaches the program byte for byte, and so does its end."""

import os
import random
import subprocess

from support import COMMAND, LIMIT, MONITOR, ON_CELL, CommandTest, clean_environment, program

COPY = program("copy_input")


class Input(CommandTest):
    def copy(self, data):
        self.check(self.run_program(COPY, input=data), output=data, errors=b"%d bytes\n" % len(data or b""))

    def test_nothing_is_the_end_at_once(self):
        self.copy(b"")

    def test_null_device(self):
        self.check(self.run_program(COPY, input=None), output=b"", errors=b"0 bytes\n")

    def test_closed(self):
        result = self.execute("sh", "-c", 'exec "$0" run --accel tcg --timeout 15 "$1" <&-', COMMAND, COPY, limit=30)
        self.check(result, output=b"", errors=b"0 bytes\n")

    def test_text(self):
        self.copy(b"one line\nand one without an end")

    def test_every_byte(self):
        self.copy(bytes(range(256)) * 3)

    def test_bytes_that_look_like_framing(self):
        self.copy(b"".join(bytes([byte]) * 3 + b"E" for byte in range(256)))

    def test_much_binary(self):
        # By KVM each byte of the serial port takes two exits, of 50 us where ring 0 is interpreted.
        self.copy(random.Random(1).randbytes(1 << 16 if ON_CELL else 1 << 20))

    def test_file(self):
        path = self.write("input", b"from a file\n" * 1000)
        with path.open("rb") as file:
            command = [COMMAND, "run", *MONITOR, COPY]
            done = subprocess.run(command, stdin=file, capture_output=True, timeout=LIMIT, env=clean_environment())
        self.assertEqual((done.returncode, done.stdout), (0, path.read_bytes()))

    def test_not_read_by_the_program(self):
        self.check(self.run_program(program("exit_status"), 9, input=b"nobody reads this\n" * 100000), 9, output=b"", errors=b"")

    def test_end_of_input_ends_a_wait(self):
        self.check(self.run_program(program("wait_forever"), "input"), 5, output=b"ready\n")


class Conversation(CommandTest):
    """Each side answers the other, so that nothing may be held back in between."""

    def test_answer_before_the_next_question(self):
        command = [COMMAND, "run", *MONITOR, "--timeout", str(LIMIT), COPY]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 env=clean_environment(), bufsize=0)
        for stream in (child.stdout, child.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        for line in (b"first\n", b"second\n", b"third\n"):
            child.stdin.write(line)
            answer = b""
            # --timeout ends this if no answer comes.
            while len(answer) < len(line) and (piece := os.read(child.stdout.fileno(), len(line) - len(answer))):
                answer += piece
            self.assertEqual(answer, line)
        child.stdin.close()
        self.assertEqual(child.wait(LIMIT), 0)


class Output(CommandTest):
    def test_everything_arrives(self):
        data = random.Random(3).randbytes(300_000)
        path = self.write("input", data)
        # In pieces that fit no buffer on the way.
        script = '"$0" run --accel tcg --timeout 60 "$1" <"$2" | { dd bs=1000 count=300 iflag=fullblock status=none; }'
        self.check(self.execute("bash", "-c", script, COMMAND, COPY, path), output=data)

    def test_reader_that_goes_away(self):
        script = '{ "$0" run --accel tcg --timeout 60 "$1" printing; echo "$?" >status; } | head -n 3'
        self.check(self.execute("sh", "-c", script, COMMAND, program("wait_forever"), limit=30), output=r"\Aready\n")
        self.assertEqual((self.folder / "status").read_text(), "141\n")
