// Bandwidth, latency and connections of a network, between a server and a client that are this program. Each may be a Linux process, run in
// a Linux guest, or be an image of Eremite.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <map>

#include "client.hpp"
#include "server.hpp"

using namespace eremite::netbench;

int main(int argc, char** argv) {
    CLI::App program{"Measures a network between a server and a client."};
    program.require_subcommand(1);

    std::string address = "0.0.0.0";
    uint16_t port = default_port;
    std::string congestion;
    const auto offer_congestion = [](CLI::App& end, std::string& name) {
        end.add_option("--congestion", name, "The algorithm of congestion control, as cubic; the system's own if none is named");
    };
    CLI::App* const server = program.add_subcommand("server", "Serve clients until one of them says --stop");
    server->add_option("-a,--address", address, "Where to listen")->capture_default_str();
    server->add_option("-p,--port", port, "The port; the next one is used, too")->capture_default_str();
    offer_congestion(*server, congestion);
    bool counted = false;
    server->add_flag("--count", counted, "Count what messages of the tests of latency cost, in ticks of the time stamp counter (--rounds=1000)");

    ClientOptions options;
    const std::map<std::string, Test> tests{{"tcp-bw", Test::tcp_bandwidth},
                                            {"udp-bw", Test::udp_bandwidth},
                                            {"tcp-latency", Test::tcp_latency},
                                            {"udp-latency", Test::udp_latency},
                                            {"connections", Test::connections},
                                            {"http", Test::http}};
    const std::map<std::string, Direction> directions{{"send", Direction::send}, {"receive", Direction::receive}};
    CLI::App* const client = program.add_subcommand("client", "Measure; one line for each figure: name, unit, value");
    client
        ->add_option("tests", options.tests,
                     "tcp-bw, udp-bw, tcp-latency, udp-latency, connections; all of these if none is named; and http, of a web server")
        ->transform(CLI::CheckedTransformer(tests).description(""));
    client->add_option("-a,--address", options.address, "The server's address")->capture_default_str();
    client->add_option("-p,--port", options.port, "The server's port")->capture_default_str();
    client->add_option("-k,--bytes", options.bytes, "Sizes of messages, with commas between them; sizes from 1 B to 1 MiB if none is named")
        ->delimiter(',')
        ->check(CLI::Range(uint32_t{1}, largest_message));
    client->add_option("--reply", options.reply, "Size of the server's messages in tests of latency; 0: as long as the client's")
        ->capture_default_str()
        ->check(CLI::Range(uint32_t{0}, largest_message));
    client->add_option("-d,--direction", options.directions, "What this end does in tests of bandwidth: send, receive; both if none is named")
        ->delimiter(',')
        ->transform(CLI::CheckedTransformer(directions).description(""));
    client->add_option("-c,--connections", options.connections, "Connections at once, each with a thread")
        ->capture_default_str()
        ->check(CLI::Range(1, 10000));
    client->add_option("-s,--seconds", options.seconds, "Time of each measurement")->capture_default_str()->check(CLI::PositiveNumber);
    client->add_option("-w,--warmup", options.warm_up, "Seconds before each measurement")->capture_default_str()->check(CLI::NonNegativeNumber);
    client->add_option("-r,--rounds", options.rounds, "Messages, round trips or connections of each thread instead of a time; 0: the time counts")
        ->capture_default_str();
    offer_congestion(*client, options.congestion);
    client->add_option("--pause", options.pause, "Microseconds before each round trip of a test of latency")->capture_default_str();
    client->add_option("--path", options.path, "The page that the test http asks for on connections that stay")->capture_default_str();
    client->add_option("--patience", options.patience, "Seconds that the server may take until it listens")->capture_default_str();
    client->add_flag("--stop", options.stop, "End the server afterwards");
    CLI11_PARSE(program, argc, argv);

    if (options.tests.empty()) options.tests = {Test::tcp_bandwidth, Test::udp_bandwidth, Test::tcp_latency, Test::udp_latency, Test::connections};
    if (options.directions.empty()) options.directions = {Direction::send, Direction::receive};
    try {
        if (server->parsed()) serve(address, port, congestion, counted);
        else run_client(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "netbench: %s\n", error.what());
        return 1;
    }
    std::puts("end");
    return 0;
}
