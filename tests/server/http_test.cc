// HTTP itself, with handlers of the tests' own.
#include "server/http.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

#include "server/compression.h"
#include "tests/server/wire_client.h"

namespace spillway::server {
namespace {

using test::ask;
using test::get;
using test::post;
using test::WireAnswer;
using test::WireClient;

/// Opens once; who waits goes on.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

std::unique_ptr<HttpServer> serve(HttpHandler handler, HttpLimits limits = {}) {
  auto server = HttpServer::listen("127.0.0.1", 0, limits, std::move(handler));
  EXPECT_TRUE(server.ok()) << server.error().message;
  return std::move(*server);
}

void echo(const HttpRequest& request, HttpResponse& response) {
  response.set_header("Content-Type", "text/plain");
  response.write(request.method + ' ' + request.path + '\n' + request.body).ok();
}

TEST(Http, AnswersWithALength) {
  const auto server = serve(echo);
  const WireAnswer answer = ask(server->port(), post("/a%20b?x=1", "body"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "POST /a b\nbody");
  EXPECT_EQ(answer.header("content-length"), "14");
  EXPECT_EQ(answer.header("connection"), "keep-alive");
}

TEST(Http, KeepsTheConnectionForFurtherRequests) {
  const auto server = serve(echo);
  WireClient client(server->port());
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(client.send(get("/" + std::to_string(i))));
    EXPECT_EQ(client.read().body, "GET /" + std::to_string(i) + "\n");
  }
}

TEST(Http, AnswersPipelinedRequestsInOrder) {
  const auto server = serve(echo);
  WireClient client(server->port());
  client.send(get("/1") + post("/2", "x") + get("/3"));
  EXPECT_EQ(client.read().body, "GET /1\n");
  EXPECT_EQ(client.read().body, "POST /2\nx");
  EXPECT_EQ(client.read().body, "GET /3\n");
}

TEST(Http, ClosesWhereTheClientAsksForIt) {
  const auto server = serve(echo);
  WireClient client(server->port());
  client.send(get("/", "Connection: close\r\n"));
  EXPECT_EQ(client.read().header("connection"), "close");
  EXPECT_TRUE(client.closed());
}

TEST(Http, AnswersHttp10WithoutChunks) {
  const auto server = serve([](const HttpRequest&, HttpResponse& response) {
    for (int i = 0; i < 4; ++i) response.write(std::string(kBufferedAnswer, 'x')).ok();
  });
  WireClient client(server->port());
  client.send("GET / HTTP/1.0\r\n\r\n");
  const WireAnswer answer = client.read();
  EXPECT_EQ(answer.body.size(), 4 * kBufferedAnswer);
  EXPECT_EQ(answer.header("transfer-encoding"), "");
}

TEST(Http, SendsLargeAnswersInChunks) {
  std::string expected;
  const auto server = serve([&](const HttpRequest&, HttpResponse& response) {
    for (int i = 0; i < 50'000; ++i) {
      const std::string piece = std::to_string(i) + ',';
      expected += piece;
      response.write(piece).ok();
    }
  });
  const WireAnswer answer = ask(server->port(), get("/"));
  EXPECT_EQ(answer.header("transfer-encoding"), "chunked");
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.body, expected);
}

TEST(Http, HeadHasNoBody) {
  const auto server = serve(echo);
  WireClient client(server->port());
  client.send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n" + get("/y"));
  const WireAnswer head = client.read(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("content-length"), "7");
  EXPECT_EQ(client.read().body, "GET /y\n");
}

TEST(Http, CompressesWhereTheClientAcceptsIt) {
  const std::string text(200'000, 'a');
  const auto server = serve([&](const HttpRequest& request, HttpResponse& response) {
    response.write(request.path == "/small" ? "tiny" : text).ok();
  });
  for (const char* coding : {"gzip", "deflate"}) {
    const WireAnswer answer =
        ask(server->port(), get("/", std::string("Accept-Encoding: ") + coding + "\r\n"));
    EXPECT_EQ(answer.header("content-encoding"), coding);
    EXPECT_LT(answer.body.size(), text.size() / 10);
    const auto plain = decompress(answer.body, text.size());
    ASSERT_TRUE(plain.ok());
    EXPECT_EQ(*plain, text);
  }
  EXPECT_EQ(ask(server->port(), get("/")).header("content-encoding"), "");
  EXPECT_EQ(ask(server->port(), get("/small", "Accept-Encoding: gzip\r\n")).body, "tiny");
}

TEST(Http, ReadsCompressedBodies) {
  const auto server = serve(echo);
  std::string packed;
  Compressor(ContentCoding::Gzip).add("hello", true, packed);
  EXPECT_EQ(ask(server->port(), post("/", packed, "Content-Encoding: gzip\r\n")).body, "POST /\nhello");
  EXPECT_EQ(ask(server->port(), post("/", "junk", "Content-Encoding: gzip\r\n")).status, 400);
  EXPECT_EQ(ask(server->port(), post("/", "junk", "Content-Encoding: br\r\n")).status, 400);
}

TEST(Http, RefusesABodyThatGrowsTooLargeWhenDecompressed) {
  HttpLimits limits;
  limits.body_bytes = 10'000;
  const auto server = serve(echo, limits);
  std::string packed;
  Compressor(ContentCoding::Gzip).add(std::string(1'000'000, 'a'), true, packed);
  ASSERT_LT(packed.size(), limits.body_bytes);
  EXPECT_EQ(ask(server->port(), post("/", packed, "Content-Encoding: gzip\r\n")).status, 413);
}

TEST(Http, ContinuesWhereTheClientExpectsIt) {
  const auto server = serve(echo);
  WireClient client(server->port());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(client.read().status, 100);
  client.send("data");
  EXPECT_EQ(client.read().body, "POST /\ndata");
}

TEST(Http, RefusesOtherExpectations) {
  const auto server = serve(echo);
  EXPECT_EQ(ask(server->port(), get("/", "Expect: miracles\r\n")).status, 417);
}

TEST(Http, RefusesLargeHeadersAndBodies) {
  HttpLimits limits;
  limits.header_bytes = 4'096;
  limits.body_bytes = 1'000;
  const auto server = serve(echo, limits);
  EXPECT_EQ(ask(server->port(), get("/", "X: " + std::string(5'000, 'x') + "\r\n")).status, 431);
  EXPECT_EQ(ask(server->port(), post("/", std::string(1'001, 'x'))).status, 413);
  EXPECT_EQ(ask(server->port(), "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" +
                                    std::string(4'096, 'x') + "\r\n0\r\n\r\n")
                .status,
            413);
  EXPECT_EQ(ask(server->port(), post("/", std::string(1'000, 'x'))).status, 200);
}

TEST(Http, AnswersWhatIsNotHttpWith4xx) {
  const auto server = serve(echo);
  for (const char* request :
       {"nonsense\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nbad header\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"}) {
    const WireAnswer answer = ask(server->port(), request);
    EXPECT_GE(answer.status, 400) << request;
    EXPECT_LT(answer.status, 600) << request;
    EXPECT_NE(answer.body.find("\"@message\""), std::string::npos) << request;
  }
  EXPECT_EQ(ask(server->port(), get("/")).status, 200);
}

TEST(Http, SurvivesRandomBytes) {
  HttpLimits limits;
  limits.header_timeout = std::chrono::milliseconds(200);
  limits.body_timeout = std::chrono::milliseconds(200);
  const auto server = serve(echo, limits);
  std::mt19937 random(20'240'101);
  const std::string valid =
      post("/v1/rest/query", "{\"db\":\"d\",\"csl\":\"print 1\"}", "Accept-Encoding: gzip\r\n");
  for (int i = 0; i < 300; ++i) {
    std::string request = valid;
    const int changes = static_cast<int>(random() % 6) + 1;
    for (int change = 0; change < changes; ++change) {
      request[random() % request.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) request.resize(random() % request.size());
    WireClient client(server->port());
    ASSERT_TRUE(client.connected());
    client.send(request);
    if (random() % 2 == 0) client.read_some();
  }
  EXPECT_EQ(ask(server->port(), get("/")).status, 200);
}

TEST(Http, CutsOffClientsThatStall) {
  HttpLimits limits;
  limits.header_timeout = limits.body_timeout = limits.idle_timeout = std::chrono::milliseconds(100);
  const auto server = serve(echo, limits);
  WireClient silent(server->port());
  EXPECT_TRUE(silent.closed());
  WireClient half_header(server->port());
  half_header.send("GET / HT");
  EXPECT_TRUE(half_header.closed());
  WireClient half_body(server->port());
  half_body.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(half_body.closed());
  WireClient idle(server->port());
  idle.send(get("/"));
  EXPECT_EQ(idle.read().status, 200);
  EXPECT_TRUE(idle.closed());
}

TEST(Http, CutsOffClientsThatDoNotRead) {
  HttpLimits limits;
  limits.write_timeout = std::chrono::milliseconds(100);
  Gate ended;
  const auto server = serve(
      [&](const HttpRequest&, HttpResponse& response) {
        const std::string piece(kBufferedAnswer, 'x');
        while (response.write(piece).ok()) {
        }
        ended.open();
      },
      limits);
  WireClient client(server->port());
  client.send(get("/"));
  EXPECT_TRUE(ended.wait());
}

TEST(Http, TellsTheHandlerThatTheClientIsGone) {
  Gate started, cancelled;
  const auto server = serve([&](const HttpRequest& request, HttpResponse&) {
    started.open();
    while (!request.cancel->cancelled()) std::this_thread::yield();
    cancelled.open();
  });
  {
    WireClient client(server->port());
    client.send(get("/"));
    ASSERT_TRUE(started.wait());
  }
  EXPECT_TRUE(cancelled.wait());
}

TEST(Http, EndsTheConnectionWhereAHandlerThrows) {
  const auto server = serve([](const HttpRequest& request, HttpResponse& response) {
    if (request.path == "/late") response.write(std::string(2 * kBufferedAnswer, 'x')).ok();
    throw std::runtime_error("broken");
  });
  EXPECT_EQ(ask(server->port(), get("/early")).status, 520);
  EXPECT_FALSE(ask(server->port(), get("/late")).complete);
}

TEST(Http, RefusesMoreConnectionsThanItMayHave) {
  HttpLimits limits;
  limits.connections = 2;
  const auto server = serve(echo, limits);
  WireClient first(server->port()), second(server->port());
  first.send(get("/")), second.send(get("/"));
  EXPECT_EQ(first.read().status, 200);
  EXPECT_EQ(second.read().status, 200);
  WireClient third(server->port());
  EXPECT_EQ(third.read().status, 503);
}

TEST(Http, HandlesManyRequestsAtOnce) {
  std::atomic<int> handled{0};
  const auto server = serve([&](const HttpRequest& request, HttpResponse& response) {
    ++handled;
    echo(request, response);
  });
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      WireClient client(server->port());
      for (int i = 0; i < 50; ++i) {
        const std::string body = std::to_string(t) + '-' + std::to_string(i);
        client.send(post("/", body));
        if (client.read().body == "POST /\n" + body) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 400);
  EXPECT_EQ(handled, 400);
}

TEST(Http, LetsRunningRequestsEndWhenItStops) {
  Gate started, go_on;
  const auto server = serve([&](const HttpRequest&, HttpResponse& response) {
    started.open();
    go_on.wait();
    response.write("done").ok();
  });
  WireClient idle(server->port()), busy(server->port());
  busy.send(get("/"));
  ASSERT_TRUE(started.wait());
  std::thread stopper([&] { server->stop(); });
  EXPECT_TRUE(idle.closed());
  go_on.open();
  EXPECT_EQ(busy.read().body, "done");
  stopper.join();
  EXPECT_FALSE(WireClient(server->port()).connected());
}

TEST(Http, CancelsRequestsThatDoNotEndWhenItStops) {
  HttpLimits limits;
  limits.drain_timeout = std::chrono::milliseconds(50);
  Gate started;
  const auto server = serve(
      [&](const HttpRequest& request, HttpResponse&) {
        started.open();
        while (!request.cancel->cancelled()) std::this_thread::yield();
      },
      limits);
  WireClient client(server->port());
  client.send(get("/"));
  ASSERT_TRUE(started.wait());
  server->stop();
}

TEST(Http, SaysThatThePortIsInUse) {
  const auto server = serve(echo);
  const auto second = HttpServer::listen("127.0.0.1", server->port(), {}, echo);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::Conflict);
}

TEST(Http, KnowsLoopback) {
  EXPECT_TRUE(*is_loopback("127.0.0.1"));
  EXPECT_TRUE(*is_loopback("::1"));
  EXPECT_FALSE(*is_loopback("0.0.0.0"));
  EXPECT_FALSE(is_loopback("no such host").ok());
}

TEST(Http, DecodesPercents) {
  EXPECT_EQ(percent_decode("a%2Fb+c%", true), "a/b c%");
  EXPECT_EQ(percent_decode("a+b%zz", false), "a+b%zz");
}

TEST(Compression, ChoosesWhatTheClientAccepts) {
  EXPECT_EQ(accepted_coding(""), ContentCoding::Identity);
  EXPECT_EQ(accepted_coding("gzip,deflate"), ContentCoding::Gzip);
  EXPECT_EQ(accepted_coding("deflate, GZIP;q=0.5"), ContentCoding::Gzip);
  EXPECT_EQ(accepted_coding("gzip;q=0, deflate"), ContentCoding::Deflate);
  EXPECT_EQ(accepted_coding("br, *"), ContentCoding::Gzip);
  EXPECT_EQ(accepted_coding("identity"), ContentCoding::Identity);
}

}  // namespace
}  // namespace spillway::server
