// The fuzzer plays a 9P server, and decides what the program does with the files that it claims to have.
#include "libos/fs/ninep/file_system.hpp"
#include "tests/fuzz/remote/program.hpp"

namespace eremite::test {

namespace {

class Server final : public fs::remote::Transport {
public:
    explicit Server(Input& input) : input_{input} {}
    [[nodiscard]] Limits limits() const override { return {4, 19}; }
    Result<void> submit(Message& message) override {
        if (broken_) return Error{EIO};
        const std::vector<uint8_t> request = gathered(message.request);
        // Requests are always well-formed.
        uint32_t size = 0;
        require(request.size() >= 7);
        std::memcpy(&size, request.data(), 4);
        require(size == request.size());
        size_t room = 0;
        for (const auto& segment : message.reply) room += segment.size();
        require(room >= 11);
        const std::vector<uint8_t> reply = answer(request, room);
        message.done(message, scatter(reply, message.reply), broken_ ? EIO : 0);
        return {};
    }
    static void end() {}

private:
    std::vector<uint8_t> answer(const std::vector<uint8_t>& request, size_t room) {
        const bool is_version = request[4] == 100;
        const uint8_t kind = input_.byte();
        std::vector<uint8_t> reply(7);
        reply[5] = request[5];
        reply[6] = request[6];
        if (is_version && kind != 0xff) {
            reply = request;
            reply[4] = 101;
            return reply;
        }
        switch (kind & 7) {
            case 6: broken_ = kind == 0xfe; return {};
            case 7: {  // anything
                reply.resize(std::min<size_t>(input_.byte(), room));
                input_.take(reply.data(), reply.size());
                return reply;
            }
            case 5: {  // an error
                reply[4] = 7;
                reply.resize(11);
                input_.take(&reply[7], kind & 8 ? 4 : 1);
                break;
            }
            default: {  // the right reply, of fields that the fuzzer likes
                reply[4] = static_cast<uint8_t>(request[4] + 1);
                const size_t fields = std::min<size_t>(kind & 8 ? input_.byte() : 160, room - 7);
                reply.resize(7 + fields);
                const size_t given = input_.take(&reply[7], std::min<size_t>(fields, kind >> 4 << 1));
                if (given < fields) std::memset(&reply[7 + given], kind & 4 ? 1 : 0, fields - given);
                if (request[4] == 116 || request[4] == 40) fill_in_count(reply);
                break;
            }
        }
        const auto size = static_cast<uint32_t>(reply.size());
        std::memcpy(reply.data(), &size, 4);
        return reply;
    }
    // So that data are not refused at once.
    void fill_in_count(std::vector<uint8_t>& reply) {
        if (reply.size() < 11 || input_.byte() & 1) return;
        const auto count = static_cast<uint32_t>(reply.size() - 11);
        std::memcpy(&reply[7], &count, 4);
    }

    Input& input_;
    bool broken_ = false;
};

}  // namespace

}  // namespace eremite::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    eremite::test::fuzz_file_system<eremite::fs::ninep::FileSystem, eremite::test::Server>(data, size);
    return 0;
}
