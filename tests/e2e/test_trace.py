"""--trace: system calls and signals on standard error, in strace's format."""

import re

from support import HELLO, CommandTest, from_environment, program

LINE = re.compile(r"\[1/(?P<thread>\d+)\] (?P<time>\d+\.\d{6}) (?P<text>.*)")
LOG = re.compile(r"\[\d+\.\d{6}\] eremite (error|warning|info): .*")
POINTER = "0x[0-9a-f]+"


class TraceTest(CommandTest):
    def setUp(self):
        super().setUp()
        if from_environment("EREMITE_TRACE") == "0":
            self.skipTest("the kernel was built without EREMITE_TRACE")

    def trace(self, *arguments, pattern=None, status=0, output=None, image=program("traced"), options=()):
        option = "--trace" if pattern is None else f"--trace={pattern}"
        result = self.run_program(image, *arguments, options=[option, *options])
        self.check(result, status, output=output)
        self.lines = []
        for line in result.error_text.splitlines():
            if match := LINE.fullmatch(line):
                self.lines.append((int(match["thread"]), float(match["time"]), match["text"]))
        return result

    def check_whole(self, result):
        """Every line is whole, whoever wrote it."""
        for line in result.error_text.splitlines():
            self.assertTrue(LINE.fullmatch(line) or LOG.fullmatch(line), f"a torn line: {line}{result}")

    def texts(self, thread=None):
        return [text for number, _, text in self.lines if thread in (None, number)]

    def expect(self, pattern, thread=None):
        """A line that the pattern matches as a whole."""
        found = [text for text in self.texts(thread) if re.fullmatch(pattern, text)]
        self.assertTrue(found, f"no line is {pattern}:\n" + "\n".join(self.texts()))
        return found


class Calls(TraceTest):
    def test_decoded(self):
        result = self.trace("calls", output=b"the calls are made\n")
        self.check_whole(result)
        for pattern in (r'openat\(AT_FDCWD, "/no/such/file", O_RDONLY\|O_CLOEXEC\) = -1 ENOENT \(No such file or directory\)',
                        r'openat\(AT_FDCWD, "/dev/null", O_RDWR\|O_CREAT\|O_NONBLOCK, 0640\) = 3',
                        r'write\(3, "quotes \\" and \\t\\0010\\377, more than is "\.\.\., 43\) = 43',
                        r'writev\(3, \[\{iov_base="one", iov_len=3\}, \{iov_base="two", iov_len=3\}\], 2\) = 6',
                        r"fcntl\(3, F_GETFL\) = 0x[0-9a-f]+ \(flags O_RDWR\|O_NONBLOCK(\|O_LARGEFILE)?\)",
                        r"fcntl\(3, F_SETFD, FD_CLOEXEC\) = 0",
                        r"pipe2\(\[4, 5\], O_CLOEXEC\) = 0",
                        r"poll\(\[\{fd=4, events=POLLIN\}, \{fd=5, events=POLLIN\}\], 2, 1000\) = 1 \(\[\{fd=4, revents=POLLIN\}\]\)",
                        r'read\(4, "data", 16\) = 4',
                        r"poll\(\[\{fd=4, events=POLLIN\}\], 1, 0\) = 0 \(Timeout\)",
                        r"epoll_ctl\(6, EPOLL_CTL_ADD, 5, \{events=EPOLLOUT\|EPOLLET, data=\{u32=7, u64=7\}\}\) = 0",
                        r"epoll_wait\(6, \[\{events=EPOLLOUT, data=\{u32=7, u64=7\}\}\], 1, -1\) = 1",
                        rf"mmap\(NULL, 8192, PROT_READ\|PROT_WRITE, MAP_PRIVATE\|MAP_ANONYMOUS, -1, 0\) = {POINTER}",
                        rf"mprotect\({POINTER}, 4096, PROT_NONE\) = 0",
                        rf"madvise\({POINTER}, 8192, MADV_DONTNEED\) = 0",
                        r"(clock_nanosleep\(CLOCK_REALTIME, 0|nanosleep\()(, )?\{tv_sec=0, tv_nsec=1000\}, NULL\) = 0",
                        r"syscall_0x1ff\(0x1, 0x2, 0x3, 0x4, 0x5, 0x6\) = -1 ENOSYS \(Function not implemented\)",
                        r'write\(1, "the calls are made\\n", 19\) = 19'):
            self.expect(pattern, thread=1)
        self.assertEqual(self.texts()[-2:], ["exit_group(0) = ?", "+++ exited with 0 +++"])

    def test_times_do_not_go_back(self):
        self.trace("calls")
        times = [time for _, time, _ in self.lines]
        self.assertEqual(times, sorted(times))

    def test_of_an_unmodified_executable(self):
        self.trace(image=program("hello_static"), output=b"hello world\n")
        self.expect(r'write\(1, "hello world\\n", 12\) = 12')

    def test_nothing_without_the_option(self):
        self.check(self.run_program(HELLO), output=b"hello world\n", errors=b"")


class Threads(TraceTest):
    def check_threads(self, cpus):
        result = self.trace("threads", status=3, output=b"the thread runs\n", options=["--cpus", cpus])
        self.check_whole(result)
        self.assertEqual({thread for thread, _, _ in self.lines}, {1, 2})
        self.expect(r"clone3\(\{flags=CLONE_VM\|CLONE_FS\|.*\}, 88\) = 2|clone\(child_stack=.*\) = 2", thread=1)
        # It blocks, and others go on meanwhile.
        self.expect(r"read\(3,  <unfinished \.\.\.>", thread=2)
        self.expect(r'<\.\.\. read resumed>"x", 1\) = 1', thread=2)
        self.expect(rf"futex\({POINTER}, FUTEX_WAIT_PRIVATE, 0, NULL <unfinished \.\.\.>", thread=2)
        self.expect(r"<\.\.\. futex resumed>\) = 0", thread=2)
        self.expect(rf"futex\({POINTER}, FUTEX_WAKE_PRIVATE, 1\) = 1", thread=1)
        end = self.texts(2)
        self.assertEqual(end[-2:], ["exit(0) = ?", "+++ exited with 0 +++"])
        self.assertEqual(self.texts(1)[-2:], ["exit_group(3) = ?", "+++ exited with 3 +++"])
        for thread in (1, 2):
            self.check_pairs(self.texts(thread))

    def check_pairs(self, texts):
        """Each call that was unfinished is resumed, before its thread does anything else."""
        open_call = None
        for text in texts:
            resumed = re.match(r"<\.\.\. (\w+) resumed>", text)
            self.assertEqual(resumed[1] if resumed else None, open_call, text)
            open_call = re.match(r"\w+", text)[0] if text.endswith("<unfinished ...>") else None
        self.assertIsNone(open_call)

    def test_on_one_cpu(self):
        self.check_threads(1)

    def test_on_two_cpus(self):
        self.check_threads(2)


class Signals(TraceTest):
    def test_handler(self):
        self.trace("handler", output=b"handled\n")
        self.expect(rf"rt_sigaction\(SIGUSR1, \{{sa_handler={POINTER}, sa_mask=\[TERM\], sa_flags=SA_RESTORER\|SA_RESTART, sa_restorer={POINTER}\}}, "
                    r"NULL, 8\) = 0")
        texts = self.texts()
        delivered = texts.index("--- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_TKILL, si_pid=1, si_uid=0} ---")
        self.assertEqual(texts[delivered - 1], "tgkill(1, 1, SIGUSR1) = 0")
        self.assertEqual(texts[delivered + 1], "rt_sigreturn({mask=[]}) = 0")
        self.expect(r"rt_sigprocmask\(SIG_SETMASK, ~\[RTMIN RT_1\], NULL, 8\) = 0")

    def test_fault(self):
        result = self.trace("fault", status=139)
        self.assertEqual(self.texts()[-2:], ["--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x10} ---",
                                             "+++ killed by SIGSEGV (core dumped) +++"])
        self.assertIn("program died", result.error_text)

    def test_killed(self):
        self.trace("killed", status=143)
        self.assertEqual(self.texts()[-3:], ["kill(1, SIGTERM) = 0", "--- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=1, si_uid=0} ---",
                                             "+++ killed by SIGTERM +++"])


class Patterns(TraceTest):
    def names(self):
        return {match[0] for text in self.texts() if (match := re.match(r"\w+(?=\()", text))}

    def test_names_and_groups(self):
        self.trace("calls", pattern="openat,%memory,*wait", output=b"the calls are made\n")
        self.assertEqual(self.names(), {"openat", "epoll_wait", "mmap", "munmap", "mprotect", "madvise", "brk"})

    def test_negated(self):
        self.trace("calls", pattern="!%memory,write*")
        names = self.names()
        self.assertFalse(names & {"mmap", "brk", "write", "writev"})
        self.assertGreaterEqual(names, {"openat", "poll", "syscall_0x1ff", "exit_group"})

    def test_of_no_call(self):
        result = self.run_program(program("traced"), "calls", options=["--trace=read,opne"])
        self.check(result, 125, output=b"", errors=['"opne" stands for no system call', "%memory"])

    def test_kernel_argument(self):
        def use(value):
            def change(words):
                at = words.index("-append") + 1
                words[at] = words[at].replace("trace=syscalls", value)
            return change
        result = self.raw_qemu(program("traced"), "calls", options=["--trace"], change=use("trace=calls"))
        self.check(result, 125, errors="trace=calls: only system calls can be traced: trace=syscalls")
        result = self.raw_qemu(program("traced"), "calls", options=["--trace"], change=use("trace="))
        self.check(result, 125, errors="malformed kernel argument: trace=")
