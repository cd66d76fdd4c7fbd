#include "image.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace eremite::test {

namespace {

class TemporaryFile {
public:
    explicit TemporaryFile(const std::vector<uint8_t>& bytes = {}) : path_{"/tmp/eremite-image-XXXXXX"} {
        const int fd = mkstemp(path_.data());
        if (fd < 0) std::abort();
        close(fd);
        std::ofstream{path_, std::ios::binary}.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() { unlink(path_.c_str()); }
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::vector<uint8_t> read() const {
        std::ifstream file{path_, std::ios::binary | std::ios::ate};
        std::vector<uint8_t> bytes(static_cast<size_t>(file.tellg()));
        file.seekg(0).read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return bytes;
    }

private:
    std::string path_;
};

Judgement run(const std::string& command) {
    Judgement result{-1, {}};
    FILE* const pipe = popen(("PATH=$PATH:/sbin:/usr/sbin " + command + " 2>&1").c_str(), "r");
    if (!pipe) return result;
    std::array<char, 4096> piece;
    for (size_t size; (size = fread(piece.data(), 1, piece.size(), pipe)) > 0;) result.output.append(piece.data(), size);
    const int status = pclose(pipe);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return result;
}

}  // namespace

bool have_e2fsprogs() { return run("command -v mke2fs && command -v e2fsck && command -v debugfs").status == 0; }

Image::Image(std::vector<uint8_t> bytes) : bytes_{std::move(bytes)}, durable_{bytes_} {
    limits_.sectors = bytes_.size() / block::sector_size;
    limits_.segments = 8;
}

std::vector<uint8_t> Image::make(size_t size, const std::string& options) {
    const TemporaryFile file;
    if (truncate(file.path().c_str(), static_cast<off_t>(size)) != 0) return {};
    const Judgement made = run("mke2fs -q -F " + options + " " + file.path());
    return made.status == 0 ? file.read() : std::vector<uint8_t>{};
}

void Image::submit(block::Request& request) {
    request.done = true;
    request.error = 0;
    if (request.operation == block::Operation::Read) ++reads;
    if (request.operation != block::Operation::Read && before_change) before_change(*this, context);
    if (request.operation != block::Operation::Read && broken) {
        request.error = EIO;
        return;
    }
    uint64_t offset = request.sector * block::sector_size;
    for (const block::Segment& segment : request.memory) {
        auto* const memory = direct_map(segment.address).as<uint8_t>();
        if (request.operation == block::Operation::Read) {
            std::memcpy(memory, bytes_.data() + offset, segment.length);
        } else {
            std::memcpy(bytes_.data() + offset, memory, segment.length);
            pending_.push_back({offset, {memory, memory + segment.length}});
        }
        offset += segment.length;
    }
    if (request.operation != block::Operation::Flush) return;
    for (const Write& write : pending_) std::copy(write.bytes.begin(), write.bytes.end(), durable_.begin() + static_cast<long>(write.offset));
    pending_.clear();
}

Judgement e2fsck(std::vector<uint8_t>& image, const std::string& options) {
    const TemporaryFile file{image};
    Judgement result = run("e2fsck -f " + options + " " + file.path());
    image = file.read();
    return result;
}

std::string debugfs(const std::vector<uint8_t>& image, const std::string& command) {
    const TemporaryFile file{image};
    const std::string text = run("debugfs -R '" + command + "' " + file.path()).output;
    // The first line is the tool's version.
    return text.substr(text.find('\n') + 1);
}

std::vector<uint8_t> change_by_debugfs(const std::vector<uint8_t>& image, const std::string& commands) {
    const TemporaryFile file{image};
    const TemporaryFile script{{commands.begin(), commands.end()}};
    run("debugfs -w -f " + script.path() + " " + file.path());
    return file.read();
}

}  // namespace eremite::test
