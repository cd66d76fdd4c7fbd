// An HTTP server of Asio with some threads: it answers with the request's target, or for /bytes/N with so many bytes; /stop ends it.
#include <asio.hpp>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using asio::ip::tcp;

class Session : public std::enable_shared_from_this<Session> {
public:
    Session(tcp::socket socket, asio::io_context& context) : socket_{std::move(socket)}, context_{context} {}

    void read() {
        asio::async_read_until(socket_, asio::dynamic_buffer(input_), "\r\n\r\n", [self = shared_from_this()](std::error_code error, size_t size) {
            if (!error) self->answer(size);
        });
    }

private:
    void answer(size_t size) {
        const std::string head = input_.substr(0, size);
        input_.erase(0, size);
        const size_t begin = head.find(' ') + 1;
        const std::string target = head.substr(begin, head.find(' ', begin) - begin);
        constexpr std::string_view bytes = "/bytes/";
        std::string body = target;
        if (target.starts_with(bytes)) body.assign(std::stoul(target.substr(bytes.size())), 'x');
        output_ = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
        asio::async_write(socket_, asio::buffer(output_), [self = shared_from_this(), last = target == "/stop"](std::error_code error, size_t) {
            if (last) self->context_.stop();
            else if (!error) self->read();
        });
    }

    tcp::socket socket_;
    asio::io_context& context_;
    std::string input_, output_;
};

void accept(tcp::acceptor& acceptor, asio::io_context& context) {
    // Each connection has a strand of its own.
    acceptor.async_accept(asio::make_strand(context), [&](std::error_code error, tcp::socket socket) {
        if (!error) std::make_shared<Session>(std::move(socket), context)->read();
        accept(acceptor, context);
    });
}

}  // namespace

int main(int argc, char** argv) {
    const int count = argc > 1 ? std::atoi(argv[1]) : 1;
    asio::io_context context{count};
    // Of both families.
    tcp::acceptor acceptor{context, {tcp::v6(), 8080}};
    accept(acceptor, context);
    std::cout << "listening\n" << std::flush;
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back([&context] { context.run(); });
    for (std::thread& thread : threads) thread.join();
    std::cout << "stopped\n";
    return 5;
}
