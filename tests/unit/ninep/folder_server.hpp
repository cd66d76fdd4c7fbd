#pragma once
// A 9P2000.L server for a folder of the host, for tests: as QEMU's, it knows a file by its path, so that after an unlink only
// reading and writing through an open fid still work. Written without the client's codec, so that both must be right.
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace eremite::test {

using Bytes = std::vector<uint8_t>;

class FolderServer {
public:
    explicit FolderServer(std::string root) : root_{std::move(root)} {}
    ~FolderServer();
    FolderServer(const FolderServer&) = delete;
    FolderServer& operator=(const FolderServer&) = delete;

    // The reply to a request. May be called by several threads; answers one after the other.
    Bytes answer(const Bytes& request);
    [[nodiscard]] size_t fids() const { return fids_.size(); }
    // Requests of each type so far.
    std::map<int, int> counts;
    bool read_only = false;

private:
    struct State {
        std::string path;  // below the root; empty: the root
        int file = -1;     // once open
        std::vector<std::pair<std::string, int>> entries;  // of an open folder, with their DT_*
        std::string attribute;   // of a fid made by Txattrwalk or Txattrcreate: its name,
        std::string value;       // and its value
        uint64_t value_size = 0;
        int attribute_flags = 0;
        bool writes_attribute = false, reads_attribute = false;
    };
    class Reader;
    class Writer;

    [[nodiscard]] std::string host(const std::string& path) const { return path.empty() ? root_ : root_ + "/" + path; }
    State& fid(uint32_t number);
    void qid(Writer& w, const std::string& path);
    void dispatch(int type, Reader& r, Writer& w);
    bool on_names(int type, Reader& r, Writer& w);
    bool on_attributes(int type, Reader& r, Writer& w);
    bool on_data(int type, Reader& r, Writer& w);
    void clunk(uint32_t number);
    void renamed(const std::string& from, const std::string& to);

    const std::string root_;
    std::mutex mutex_;
    std::map<uint32_t, State> fids_;
};

}  // namespace eremite::test
