#include "cli/volume_command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <vector>

#include "cli/child_process.hpp"
#include "cli/failure.hpp"
#include "cli/file.hpp"
#include "cli/size.hpp"

namespace eremite::cli {

namespace {

namespace fs = std::filesystem;

// A journal (of 4 MiB at least) and something beside it.
constexpr uint64_t smallest_volume = uint64_t{8} << 20;
constexpr uint64_t block_size = 4096;
constexpr size_t longest_label = 16;
// What mke2fs makes beside the features that every ext4 volume of today has; its configuration file must not decide.
constexpr const char* features =
    "none,has_journal,ext_attr,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum";

[[noreturn]] void fail(const fs::path& file, const std::string& why) {
    throw Failure{exit_status::eremite_failed, fmt::format("volume: {}: {}", file.string(), why)};
}

// A file that did not exist, and goes if it is not kept.
class FreshFile {
public:
    explicit FreshFile(fs::path path) : path_{std::move(path)} {
        fd_ = UniqueFd{::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
        if (!fd_) fail(path_, errno == EEXIST ? "there is such a file already" : std::strerror(errno));
    }
    FreshFile(const FreshFile&) = delete;
    FreshFile& operator=(const FreshFile&) = delete;
    ~FreshFile() {
        if (!kept_) ::unlink(path_.c_str());
    }
    // Its blocks come as they are written.
    void resize(uint64_t size) {
        if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) fail(path_, std::strerror(errno));
    }
    void keep() { kept_ = true; }

private:
    fs::path path_;
    UniqueFd fd_;
    bool kept_ = false;
};

// A tool of e2fsprogs; many users' PATH lacks its folder.
fs::path find_tool(const std::string& name) {
    for (const std::string& candidate : {name, "/usr/sbin/" + name, "/sbin/" + name})
        if (auto path = find_in_path(candidate)) return *path;
    throw Failure{exit_status::eremite_failed, fmt::format("volume: {} is not installed; sudo apt-get install e2fsprogs", name)};
}

}  // namespace

int create_volume_command(const VolumeOptions& options) {
    const auto size = parse_size(options.size);
    if (!size || *size < smallest_volume || *size > static_cast<uint64_t>(std::numeric_limits<off_t>::max()))
        throw Failure{exit_status::usage,
                      fmt::format("volume: --size {}: not a size of {} or more; write 64M or 1G", options.size, format_size(smallest_volume))};
    if (options.label.size() > longest_label)
        throw Failure{exit_status::usage, fmt::format("volume: --label {}: longer than {} bytes", options.label, longest_label)};
    const fs::path tool = find_tool("mke2fs");
    FreshFile file{options.file};
    file.resize(*size / block_size * block_size);
    std::vector<std::string> words{tool.string(), "-q", "-F", "-t", "ext4", "-b", std::to_string(block_size), "-I", "256", "-O", features,
                                   "-E", "root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1,nodiscard"};
    if (!options.label.empty()) words.insert(words.end(), {"-L", options.label});
    // A name that begins with a dash is no option.
    words.push_back(fs::absolute(options.file).string());
    const Captured made = capture(words);
    if (made.status != 0) fail(options.file, fmt::format("mke2fs failed with status {}\n{}", made.status, made.output));
    file.keep();
    return 0;
}

}  // namespace eremite::cli
