#include "libos/fs/dev/console_stream.hpp"

#include <linux/magic.h>

#include "base/format.hpp"
#include "libos/drivers/console.hpp"

namespace eremite::fs::dev {

namespace {
constinit NamelessFileSystem pipes{PIPEFS_MAGIC, device_number(0, 14)};
}  // namespace

Result<Attributes> ConsoleStream::attributes() {
    Attributes a;
    a.device = pipes.device();
    a.inode = number_;
    a.mode = S_IFIFO | 0600;
    return a;
}

FileSystem& ConsoleStream::file_system() const { return pipes; }

Result<Ref<File>> ConsoleStream::open(uint32_t flags) {
    return Ref<File>{TRY(make_ref<ConsoleFile>(Ref<Inode>::share(this), flags, output_))};
}

size_t ConsoleStream::describe(char* path, size_t size, uint64_t& inode) const {
    BufferSink sink{{path, size}};
    format(sink, "pipe:[{}]", number_);
    inode = number_;
    return sink.view().size();
}

Result<Ref<File>> open_standard_stream(int descriptor, Ref<Inode> terminal_node) {
    const uint32_t flags = descriptor == 0 ? O_RDONLY : O_WRONLY;
    const ConsoleOutput output = descriptor == 2 ? ConsoleOutput::Error : ConsoleOutput::Standard;
    if (drivers::console_is_terminal() && terminal_node) {
        const uint32_t both = O_RDWR;
        return Ref<File>{TRY(make_ref<ConsoleFile>(std::move(terminal_node), both, output))};
    }
    Ref<ConsoleStream> stream = TRY(make_ref<ConsoleStream>(output, static_cast<uint64_t>(descriptor) + 1));
    return stream->open(flags);
}

}  // namespace eremite::fs::dev
