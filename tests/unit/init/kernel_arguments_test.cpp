#include "libos/init/kernel_arguments.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/mm/machine.hpp"

namespace eremite::test {
namespace {

using init::KernelArguments;
using init::parse_kernel_arguments;
using Words = std::vector<std::string>;

// A parsed command line with the text that its words point into.
struct Line {
    explicit Line(std::string_view text) : text{text.begin(), text.end()} {
        std::string_view at;
        code = parse_kernel_arguments(this->text, arguments, at).code();
        offender = at;
    }
    std::vector<char> text;
    KernelArguments arguments;
    std::string offender;
    int code;
};

Words words(std::span<const std::string_view> list) { return {list.begin(), list.end()}; }
Words argv(std::string_view text) {
    const Line line{text};
    EXPECT_EQ(line.code, 0) << text;
    return words(line.arguments.argv());
}

TEST(KernelArguments, Empty) {
    for (const char* text : {"", " ", "  \n ", "--", " -- "}) {
        const Line line{text};
        EXPECT_EQ(line.code, 0);
        EXPECT_EQ(line.offender, "");
        EXPECT_EQ(words(line.arguments.argv()), Words{"program"});
        EXPECT_TRUE(line.arguments.environment.empty());
        EXPECT_TRUE(line.arguments.unknown.empty());
        EXPECT_EQ(line.arguments.log_level, log::Level::Warn);
        EXPECT_EQ(line.arguments.tsc_khz, 0u);
        EXPECT_EQ(line.arguments.trace, "");
        EXPECT_TRUE(line.arguments.terminal);
        EXPECT_FALSE(line.arguments.framed_input);
        EXPECT_FALSE(line.arguments.statistics);
    }
}

TEST(KernelArguments, Mounts) {
    const Line line{"mount=a:/x mount=b:/y:ro mount=c:/z:uncached mount=d:/:ro:uncached:patience=7 mount=e:/p:patience=5 mount=f:/g:h"};
    ASSERT_EQ(line.code, 0) << line.offender;
    struct Wanted {
        std::string_view tag, path;
        bool read_only, uncached;
        uint32_t patience;
    };
    constexpr Wanted wanted[] = {{"a", "/x", false, false, 60}, {"b", "/y", true, false, 60}, {"c", "/z", false, true, 60},
                                 {"d", "/", true, true, 7},     {"e", "/p", false, false, 5}, {"f", "/g:h", false, false, 60}};
    ASSERT_EQ(line.arguments.mounts.size(), std::size(wanted));
    for (size_t i = 0; i < std::size(wanted); ++i) {
        const init::MountArgument& mount = line.arguments.mounts[i];
        EXPECT_EQ(mount.tag, wanted[i].tag);
        EXPECT_EQ(mount.path, wanted[i].path);
        EXPECT_EQ(mount.read_only, wanted[i].read_only);
        EXPECT_EQ(mount.uncached, wanted[i].uncached);
        EXPECT_EQ(mount.patience, wanted[i].patience);
    }
    for (const char* text : {"mount=", "mount=a", "mount=:/x", "mount=a:x", "mount=a:/x:patience=", "mount=a:/x:patience=0", "mount=a:/x:patience=5s"})
        EXPECT_EQ(Line{text}.code, EINVAL) << text;
}

TEST(KernelArguments, Network) {
    const Line line{"ip=10.0.0.2/24 ip=fd00::2@eth1 gateway=10.0.0.1 dns=1.1.1.1,8.8.8.8 mtu=9000 hostname=box"};
    ASSERT_EQ(line.code, 0);
    const init::NetworkArguments& network = line.arguments.network;
    EXPECT_EQ(words(network.addresses.span()), (Words{"10.0.0.2/24", "fd00::2@eth1"}));
    EXPECT_EQ(words(network.gateways.span()), Words{"10.0.0.1"});
    EXPECT_EQ(network.dns, "1.1.1.1,8.8.8.8");
    EXPECT_EQ(network.mtu, "9000");
    EXPECT_EQ(network.host_name, "box");
    for (const char* text : {"ip", "ip=", "gateway=", "dns=", "mtu=", "hostname="}) EXPECT_EQ(Line{text}.code, EINVAL) << text;
}

TEST(KernelArguments, AllOfThem) {
    const Line line{"log=debug env.HOME=/ env.EMPTY= tsc_mhz=2600.013 arg0=server init=/bin/server tty=0 stdin=framed stats=1 idle_poll=50 trace=syscalls:!futex -- -p 80"};
    ASSERT_EQ(line.code, 0) << line.offender;
    const KernelArguments& a = line.arguments;
    EXPECT_EQ(a.log_level, log::Level::Debug);
    EXPECT_EQ(words(a.environment.span()), (Words{"HOME=/", "EMPTY="}));
    EXPECT_EQ(a.tsc_khz, 2'600'013u);
    EXPECT_EQ(a.program_name, "server");
    EXPECT_EQ(a.init_path, "/bin/server");
    EXPECT_EQ(a.trace, "syscalls:!futex");
    EXPECT_FALSE(a.terminal);
    EXPECT_TRUE(a.framed_input);
    EXPECT_TRUE(a.statistics);
    EXPECT_EQ(a.idle_poll, 50u);
    EXPECT_EQ(Line{"idle_poll=0"}.arguments.idle_poll, 0u);
    EXPECT_EQ(words(a.argv()), (Words{"server", "-p", "80"}));
    EXPECT_TRUE(a.unknown.empty());
}

TEST(KernelArguments, LastOneCounts) {
    const Line line{"tty=0 log=info stdin=framed stats=1 arg0=a tty=1 log=error stdin=raw stats=0 arg0=b"};
    ASSERT_EQ(line.code, 0);
    EXPECT_TRUE(line.arguments.terminal);
    EXPECT_EQ(line.arguments.log_level, log::Level::Error);
    EXPECT_FALSE(line.arguments.framed_input);
    EXPECT_FALSE(line.arguments.statistics);
    EXPECT_EQ(words(line.arguments.argv()), Words{"b"});
}

TEST(KernelArguments, StreamsAndGeneration) {
    EXPECT_FALSE(Line{""}.arguments.virtio_streams);
    EXPECT_EQ(Line{""}.arguments.generation, "");
    EXPECT_TRUE(Line{"streams=console"}.arguments.virtio_streams);
    EXPECT_FALSE(Line{"streams=console streams=ports"}.arguments.virtio_streams);
    // What it says is looked at where the page is.
    const Line line{"vmgenid=0x9f000:3 streams=console -- vmgenid=x streams=y"};
    ASSERT_EQ(line.code, 0) << line.offender;
    EXPECT_EQ(line.arguments.generation, "0x9f000:3");
    EXPECT_EQ(words(line.arguments.argv()), (Words{"program", "vmgenid=x", "streams=y"}));
    for (const char* word : {"streams", "streams=", "streams=Console", "streams=consoles", "vmgenid", "vmgenid="}) {
        const Line bad{word};
        EXPECT_EQ(bad.code, EINVAL) << word;
        EXPECT_EQ(bad.offender, word);
    }
}

TEST(KernelArguments, LogLevels) {
    EXPECT_EQ(Line{"log=error"}.arguments.log_level, log::Level::Error);
    EXPECT_EQ(Line{"log=warn"}.arguments.log_level, log::Level::Warn);
    EXPECT_EQ(Line{"log=info"}.arguments.log_level, log::Level::Info);
    EXPECT_EQ(Line{"log=debug"}.arguments.log_level, log::Level::Debug);
}

TEST(KernelArguments, Frequencies) {
    const std::pair<const char*, uint64_t> good[] = {{"1", 1000},        {"2600", 2'600'000},      {"2600.", 2'600'000},  {"2600.5", 2'600'500},
                                                     {"0.001", 1},       {".5", 500},              {"999.9999", 999'999}, {"0002600.010", 2'600'010},
                                                     {"100000", 100'000'000}};
    for (const auto& [text, khz] : good) {
        const Line line{std::string{"tsc_mhz="} + text};
        EXPECT_EQ(line.code, 0) << text;
        EXPECT_EQ(line.arguments.tsc_khz, khz) << text;
    }
    for (const char* text : {"", "0", ".", "0.0", "0.0001", "-1", "+1", "1e3", "2600MHz", "1.2.3", "0x10", "99999999999999999999999"}) {
        const Line line{std::string{"tsc_mhz="} + text};
        EXPECT_EQ(line.code, EINVAL) << text;
        EXPECT_EQ(line.offender, std::string{"tsc_mhz="} + text);
    }
}

TEST(KernelArguments, Malformed) {
    for (const char* word : {"log=", "log=loud", "log=Info", "log", "env.", "env.=x", "env.NAME", "tty=", "tty=yes", "tty", "stdin=", "stdin=frames", "stdin",
                             "stats=2", "stats", "idle_poll", "idle_poll=", "idle_poll=-1", "tsc_mhz", "arg0", "init", "trace", "trace="}) {
        const Line line{std::string{"stats=0 "} + word + " tty=0"};
        EXPECT_EQ(line.code, EINVAL) << word;
        EXPECT_EQ(line.offender, word);
        // Behind the separator it is the program's business.
        EXPECT_EQ(argv(std::string{"-- "} + word), (Words{"program", word}));
    }
}

TEST(KernelArguments, UnknownOnesAreKept) {
    const Line line{"root=/dev/vda quiet Log=info \"two words\" \"\" env. "};
    EXPECT_EQ(line.code, EINVAL);
    const Line known{"root=/dev/vda quiet Log=info \"two words\" \"\" =x environment=1"};
    ASSERT_EQ(known.code, 0);
    EXPECT_EQ(words(known.arguments.unknown.span()), (Words{"root=/dev/vda", "quiet", "Log=info", "two words", "", "=x", "environment=1"}));
}

TEST(KernelArguments, Separators) {
    EXPECT_EQ(argv("  stats=1   --  a   b \n c\n"), (Words{"program", "a", "b", "c"}));
    // Only the first one separates.
    EXPECT_EQ(argv("-- a -- b --"), (Words{"program", "a", "--", "b", "--"}));
    EXPECT_EQ(argv("-- ---"), (Words{"program", "---"}));
    // Tabs are part of a word.
    EXPECT_EQ(argv("-- a\tb"), (Words{"program", "a\tb"}));
    // A quoted one does not separate.
    const Line quoted{"\"--\" stats=1"};
    EXPECT_EQ(quoted.code, 0);
    EXPECT_EQ(words(quoted.arguments.unknown.span()), Words{"--"});
    EXPECT_TRUE(quoted.arguments.statistics);
}

TEST(KernelArguments, Quotes) {
    EXPECT_EQ(argv(R"(-- "a b" c)"), (Words{"program", "a b", "c"}));
    EXPECT_EQ(argv(R"(-- "" x "")"), (Words{"program", "", "x", ""}));
    EXPECT_EQ(argv(R"(-- a"b c"d"e"f)"), (Words{"program", "ab cdef"}));
    EXPECT_EQ(argv(R"(-- "\"" "\\" "\n" "\a")"), (Words{"program", "\"", "\\", "\n", "a"}));
    EXPECT_EQ(argv("-- \"two\nlines\""), (Words{"program", "two\nlines"}));
    EXPECT_EQ(argv(R"(-- "\\" "\\\"")"), (Words{"program", "\\", "\\\""}));
    // Outside of quotes a backslash is nothing special.
    EXPECT_EQ(argv(R"(-- C:\new\ a)"), (Words{"program", R"(C:\new\)", "a"}));
    const Line environment{R"(env.MESSAGE="hello \"world\"" arg0="my program")"};
    ASSERT_EQ(environment.code, 0);
    EXPECT_EQ(words(environment.arguments.environment.span()), Words{"MESSAGE=hello \"world\""});
    EXPECT_EQ(words(environment.arguments.argv()), Words{"my program"});
}

TEST(KernelArguments, UnterminatedQuotes) {
    const std::pair<const char*, const char*> cases[] = {
        {R"(-- ")", ""}, {R"(-- a "b c)", "b c"}, {R"(env.A="x)", "env.A=x"}, {R"("\")", "\""}, {R"("a\\\"b)", R"(a\"b)"}, {R"("\)", "\\"}, {R"("a" "b""c)", "bc"}};
    for (const auto& [text, offender] : cases) {
        const Line line{text};
        EXPECT_EQ(line.code, EINVAL) << text;
        EXPECT_EQ(line.offender, offender) << text;
    }
}

TEST(KernelArguments, DeviceAnnouncementsAreNotTheProgramsArguments) {
    EXPECT_EQ(argv("-- a b virtio_mmio.device=512@0xfeb00e00:12 virtio_mmio.device=4K@0xd0000000:5"), (Words{"program", "a", "b"}));
    EXPECT_EQ(argv("virtio_mmio.device=512@0xfeb00e00:12 -- a"), (Words{"program", "a"}));
    EXPECT_EQ(argv("virtio_mmio.device=512@0xfeb00e00:12"), Words{"program"});
    const Line line{"virtio_mmio.device=1 stats=1"};
    EXPECT_TRUE(line.arguments.unknown.empty());
    EXPECT_TRUE(line.arguments.statistics);
    const Line devices{"virtio_mmio.device=512@1:2 -- a virtio_mmio.device=4K@3:4"};
    ASSERT_EQ(devices.arguments.devices.size(), 2u);
    EXPECT_EQ(devices.arguments.devices[0], "512@1:2");
    EXPECT_EQ(devices.arguments.devices[1], "4K@3:4");
    // The program's own words.
    EXPECT_EQ(argv("-- \"virtio_mmio.device=x\" virtio_mmio.devices virtio_mmio.device"),
              (Words{"program", "virtio_mmio.device=x", "virtio_mmio.devices", "virtio_mmio.device"}));
}

TEST(KernelArguments, LongLines) {
    const std::string word(16'000, 'w');
    EXPECT_EQ(argv("-- " + word + " x"), (Words{"program", word, "x"}));
    std::string many = "--";
    for (int i = 0; i < 4000; ++i) many += " " + std::to_string(i);
    const Words all = argv(many);
    ASSERT_EQ(all.size(), 4001u);
    EXPECT_EQ(all.back(), "3999");
    std::string environment;
    for (int i = 0; i < 500; ++i) environment += "env.V" + std::to_string(i) + "=" + std::string(20, 'x') + " ";
    EXPECT_EQ(Line{environment}.arguments.environment.size(), 500u);
}

// Whatever is cut off, the rest is a line that parses or says where it fails.
TEST(KernelArguments, EveryPrefix) {
    const std::string text = R"(log=info env.A="b \"c\" d" arg0="x y" tsc_mhz=1.5 -- "e\\f" g virtio_mmio.device=512@1:2)";
    for (size_t length = 0; length <= text.size(); ++length) {
        const Line line{std::string_view{text}.substr(0, length)};
        EXPECT_TRUE(line.code == 0 || line.code == EINVAL);
        EXPECT_TRUE(line.code != 0 || line.offender.empty());
    }
}

TEST(KernelArguments, OutOfMemory) {
    std::string text = "env.A=1 env.B=2 unknown -- a b c d e f g h i j k";
    for (int64_t successes = 0;; ++successes) {
        KernelArguments arguments;
        std::string_view offender;
        std::string copy = text;
        int code = 0;
        {
            const FailingHeap failing{successes};
            code = parse_kernel_arguments(copy, arguments, offender).code();
        }
        if (code == 0) {
            EXPECT_GE(successes, 3);
            return;
        }
        ASSERT_EQ(code, ENOMEM);
        ASSERT_LT(successes, 100);
    }
}

}  // namespace
}  // namespace eremite::test
