#include "libos/fs/proc/source.hpp"

#include "fixture.hpp"

namespace eremite::test {

using ProcTest = FileTest;

TEST_F(ProcTest, Texts) {
    EXPECT_EQ(text_of("/proc/uptime"), "5.00 0.00\n");
    EXPECT_EQ(text_of("/proc/sys/kernel/ostype"), "Linux\n");
    EXPECT_EQ(text_of("/sys/devices/system/cpu/online"), "0\n");
    EXPECT_EQ(text_of("/proc/self/comm"), "init\n");
    EXPECT_NE(text_of("/proc/cpuinfo").find("cpu MHz\t\t: 2500.123\n"), std::string::npos);
    EXPECT_NE(text_of("/proc/meminfo").find("MemTotal:       "), std::string::npos);
    EXPECT_NE(text_of("/proc/self/status").find("Umask:\t0022\n"), std::string::npos);
    EXPECT_NE(text_of("/proc/mounts").find("proc /proc proc"), std::string::npos);
}

TEST_F(ProcTest, SourceShows) {
    fs::proc::Source& source = fs::proc::source();
    const fs::proc::Source saved = source;
    source.executable = "/bin/a-program-with-a-long-name";
    source.command_line = {"prog\0x\0", 7};
    source.cpu_count = 3;
    EXPECT_EQ(text_of("/proc/self/cmdline"), std::string("prog\0x\0", 7));
    EXPECT_EQ(text_of("/proc/1/comm"), "a-program-with-\n");
    EXPECT_EQ(text_of("/sys/devices/system/cpu/possible"), "0-2\n");
    auto exe = fs::find(context(), root(), "/proc/self/exe", {.follow_last = false});
    ASSERT_TRUE(exe.ok());
    EXPECT_EQ((*exe)->link_target().value(), "/bin/a-program-with-a-long-name");
    source = saved;
}

TEST_F(ProcTest, ReadOnly) {
    const Ref<fs::Inode> proc = find("/proc");
    EXPECT_EQ(proc->create("x", {0644}).code(), EPERM);
    EXPECT_EQ(proc->unlink("uptime").code(), EPERM);
    EXPECT_EQ(find("/proc/self/fd")->parent()->parent(), proc);
}

TEST_F(ProcTest, EveryTextSurvivesFailedAllocations) {
    for (const char* path : {"/proc/self/status", "/proc/self/maps", "/proc/cpuinfo", "/proc/self/fd/1"}) {
        for (int64_t n = 0;; ++n) {
            int code = 0;
            {
                const FailingHeap failing{n};
                auto inode = fs::find(context(), root(), path);
                code = inode.code();
                if (code == 0) code = (*inode)->open(O_RDONLY).code();
            }
            if (code == 0) break;
            EXPECT_EQ(code, ENOMEM);
            ASSERT_LT(n, 1000);
        }
    }
}

}  // namespace eremite::test
