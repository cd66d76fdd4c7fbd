#include "cli/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

#include "cli/failure.hpp"

namespace eremite::cli {

namespace fs = std::filesystem;

Pipe make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        throw Failure{exit_status::eremite_failed, fmt::format("cannot make a pipe: {}", std::strerror(errno))};
    return {UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

MappedFile::MappedFile(const fs::path& path) {
    const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd) {
        const int status = errno == ENOENT || errno == ENOTDIR ? exit_status::not_found : exit_status::not_runnable;
        throw Failure{status, fmt::format("{}: {}", path.string(), std::strerror(errno))};
    }
    struct stat attributes {};
    if (::fstat(fd.get(), &attributes) != 0) {
        throw Failure{exit_status::not_runnable, fmt::format("{}: {}", path.string(), std::strerror(errno))};
    }
    if (S_ISDIR(attributes.st_mode)) throw Failure{exit_status::not_runnable, fmt::format("{}: is a folder", path.string())};
    if (!S_ISREG(attributes.st_mode)) throw Failure{exit_status::not_runnable, fmt::format("{}: is not a regular file", path.string())};
    if (attributes.st_size == 0) return;
    const auto size = static_cast<size_t>(attributes.st_size);
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (address == MAP_FAILED) throw Failure{exit_status::not_runnable, fmt::format("{}: {}", path.string(), std::strerror(errno))};
    data_ = static_cast<const std::byte*>(address);
    size_ = size;
}

MappedFile::~MappedFile() {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

std::optional<std::string> read_text(const fs::path& path) {
    std::ifstream in{path, std::ios::binary};
    if (!in) return std::nullopt;
    std::ostringstream text;
    text << in.rdbuf();
    if (in.bad()) return std::nullopt;
    return text.str();
}

bool replace_text(const fs::path& path, std::string_view text) {
    const fs::path temporary = path.string() + fmt::format(".{}", ::getpid());
    {
        std::ofstream out{temporary, std::ios::binary | std::ios::trunc};
        out.write(text.data(), static_cast<std::streamsize>(text.size()));
        out.flush();
        if (!out) return false;
    }
    std::error_code error;
    fs::rename(temporary, path, error);
    return !error;
}

bool write_all(int fd, std::string_view data) {
    while (!data.empty()) {
        const ssize_t written = ::write(fd, data.data(), data.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            return false;
        }
        data.remove_prefix(static_cast<size_t>(written));
    }
    return true;
}

fs::path cache_folder() {
    fs::path base;
    // The specification has relative values ignored.
    if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg != nullptr && fs::path{xdg}.is_absolute()) {
        base = xdg;
    } else if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
        base = fs::path{home} / ".cache";
    } else {
        base = fs::temp_directory_path() / fmt::format("eremite-{}", ::getuid());
    }
    fs::path folder = base / "eremite";
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) {
        folder = fs::temp_directory_path() / fmt::format("eremite-{}", ::getuid());
        fs::create_directories(folder, error);
        if (error) throw Failure{exit_status::eremite_failed, fmt::format("cannot create {}: {}", folder.string(), error.message())};
    }
    // Programs from here are run: nobody else may have put them there.
    struct stat attributes {};
    if (::stat(folder.c_str(), &attributes) != 0 || attributes.st_uid != ::geteuid() || (attributes.st_mode & S_IWOTH) != 0) {
        throw Failure{exit_status::eremite_failed,
                      fmt::format("{} belongs to somebody else or can be written by all; set XDG_CACHE_HOME to a folder of yours", folder.string())};
    }
    return folder;
}

}  // namespace eremite::cli
