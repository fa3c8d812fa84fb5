#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "providers/option_values.hpp"
#include "providers/options.hpp"
#include "providers/provider.hpp"
#include "unit/support/caught.hpp"

namespace ob::providers {
namespace {

using namespace std::chrono_literals;
using test::caught;

constexpr auto kServer = OptionCatalog::server;
constexpr auto kMapping = OptionCatalog::user_mapping;

TEST(Options, AcceptsWhatIsDocumented) {
	for (const auto &[name, value] : std::initializer_list<std::pair<const char *, const char *>>{
	         {"provider", "plaid"},
	         {"environment", "sandbox"},
	         {"environment", "production"},
	         {"api_url", "http://127.0.0.1:8080/plaid"},
	         {"api_url", "https://proxy.example"},
	         {"redirect_uri", "https://app.example/back"},
	         {"webhook_url", "https://app.example/hook?server=plaid"},
	         {"client_name", "My App"},
	         {"language", "fr"},
	         {"country_codes", "US,CA"},
	         {"products", "transactions, liabilities"},
	         {"days_requested", "730"},
	         {"sync_interval", "30 minutes"},
	         {"history_days", "90"},
	         {"keep_raw", "on"},
	         {"user_ref_prefix", ""},
	         {"ca_file", "/etc/ssl/ca.pem"},
	     })
		EXPECT_NO_THROW(validate_option(kServer, "plaid", name, value)) << name << " = " << value;
	for (const char *name : {"client_id", "client_secret", "client_secret_file"})
		EXPECT_NO_THROW(validate_option(kMapping, "", name, "x")) << name;
}

TEST(Options, AcceptsTrueLayersOwn) {
	for (const auto &[name, value] : std::initializer_list<std::pair<const char *, const char *>>{
	         {"auth_url", "https://auth.example/truelayer"},
	         {"scopes", "accounts cards balance transactions offline_access"},
	         {"providers", "uk-ob-all ob-monzo mock"},
	         {"sign_mode", "raw"},
	         {"async", "on"},
	         {"nonce", "off"},
	         {"deep_history_for", "1 h"},
	         {"consent_days", "180"},
	         {"extend_path", "/data/v1/connections/extend"},
	     }) {
		EXPECT_NO_THROW(validate_option(kServer, "truelayer", name, value)) << name;
		EXPECT_EQ(caught([&] { validate_option(kServer, "plaid", name, value); }).code(), ErrorCode::invalid_argument)
		    << name;
	}
	for (const auto &[name, value] : std::initializer_list<std::pair<const char *, const char *>>{
	         {"scopes", "accounts,balance"},
	         {"scopes", "account"},
	         {"scopes", ""},
	         {"providers", "UK"},
	         {"providers", " "},
	         {"sign_mode", "by type"},
	         {"async", "maybe"},
	         {"deep_history_for", "5"},
	         {"extend_path", "connections"},
	         {"extend_path", "/a?b"},
	     })
		EXPECT_EQ(caught([&] { validate_option(kServer, "truelayer", name, value); }).code(),
		          ErrorCode::invalid_argument)
		    << name << " = " << value;
}

TEST(Options, RefusesBadValues) {
	for (const auto &[name, value] : std::initializer_list<std::pair<const char *, const char *>>{
	         {"provider", "plaidd"},
	         {"environment", "test"},
	         {"environment", "Sandbox"},
	         {"api_url", "ftp://plaid.com"},
	         {"api_url", "https://user@plaid.com"},
	         {"api_url", "https://"},
	         {"api_url", "https:///path"},
	         {"api_url", "https://plaid.com/?a=1"},
	         {"api_url", "plaid.com"},
	         {"redirect_uri", "https://app.example/a b"},
	         {"redirect_uri", "https://app.example/#part"},
	         {"client_name", "  "},
	         {"language", "english"},
	         {"language", "EN"},
	         {"country_codes", "us"},
	         {"country_codes", ""},
	         {"products", "Transactions"},
	         {"days_requested", "0"},
	         {"days_requested", "731"},
	         {"days_requested", "90.0"},
	         {"days_requested", "+90"},
	         {"days_requested", " 90"},
	         {"days_requested", "99999999999999999999"},
	         {"history_days", "-1"},
	         {"overlap_days", "0"},
	         {"overlap_days", "10"}, // Plaid tells what has changed
	         {"sync_interval", "4"},
	         {"sync_interval", "59 s"},
	         {"sync_interval", "2 years"},
	         {"sync_interval", "53 weeks"},
	         {"keep_raw", "maybe"},
	     }) {
		const Error error = caught([&] { validate_option(kServer, "plaid", name, value); });
		EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << name << " = " << value;
		EXPECT_NE(error.message().find(name), std::string::npos) << error.message();
	}
}

TEST(Options, WindowsOverlapWhereNothingTellsWhatHasChanged) {
	const OptionSpec &overlap = *find_option(kServer, "overlap_days");
	for (const auto &[provider, days] : {std::pair("truelayer", "10"), std::pair("mastercard", "30")}) {
		EXPECT_EQ(default_for(overlap, provider), days);
		EXPECT_NO_THROW(validate_option(kServer, provider, "overlap_days", "1"));
		EXPECT_THROW(validate_option(kServer, provider, "overlap_days", "367"), Error);
	}
}

TEST(Options, NamesTheRetiredEnvironment) {
	const Error error = caught([] { validate_option(kServer, "plaid", "environment", "development"); });
	EXPECT_NE(error.message().find("retired by Plaid in 2024"), std::string::npos) << error.message();
}

TEST(Options, HintsAtTheNearestName) {
	const Error error = caught([] { validate_option(kServer, "plaid", "enviroment", "sandbox"); });
	EXPECT_STREQ(sqlstate(error.code()), "HV00D");
	EXPECT_EQ(error.message(), "invalid option \"enviroment\"");
	EXPECT_EQ(error.hint(), "Perhaps you meant the option \"environment\".");
	EXPECT_EQ(caught([] { validate_option(kMapping, "", "client_secrets", "x"); }).hint(),
	          "Perhaps you meant the option \"client_secret\".");
	EXPECT_EQ(caught([] { validate_option(kMapping, "", "zzzzzzzzzz", "x"); }).hint(),
	          "Valid options: client_id, client_secret, client_secret_file, webhook_secret, webhook_public_key.");
	EXPECT_EQ(caught([] { validate_option(kServer, "", "provider", "plad"); }).hint(), "Perhaps you meant \"plaid\".");
}

TEST(Options, RefusesSecretsOnServers) {
	for (const char *name : {"client_id", "client_secret", "client_secret_file"}) {
		const Error error = caught([&] { validate_option(kServer, "plaid", name, "topsecret"); });
		EXPECT_STREQ(sqlstate(error.code()), "HV00D");
		EXPECT_NE(error.hint().find("user mapping"), std::string::npos);
		EXPECT_EQ((error.message() + error.hint() + error.detail()).find("topsecret"), std::string::npos);
	}
	EXPECT_EQ(caught([] { validate_option(kMapping, "", "environment", "sandbox"); }).hint(), "Put it on the server.");
}

TEST(Options, AllTakesNothingElse) {
	EXPECT_NO_THROW(validate_option(kServer, "all", "provider", "all"));
	EXPECT_EQ(caught([] { validate_option(kServer, "all", "environment", "sandbox"); }).code(),
	          ErrorCode::invalid_argument);
	const std::array<std::pair<std::string_view, std::string_view>, 1> only{{{"provider", "all"}}};
	EXPECT_NO_THROW(validate_server_options(only));
}

TEST(Options, LooksAtTheWholeList) {
	using List = std::vector<std::pair<std::string_view, std::string_view>>;
	EXPECT_STREQ(sqlstate(caught([] { validate_server_options(List{{"environment", "sandbox"}}); }).code()), "HV00J");
	const List sandbox{{"redirect_uri", "http://localhost/back"}, {"provider", "plaid"}};
	EXPECT_NO_THROW(validate_server_options(sandbox));
	for (const char *name : {"redirect_uri", "webhook_url", "webhook_jku"}) {
		const List production{{name, "http://app.example"}, {"provider", "plaid"}, {"environment", "production"}};
		const Error error = caught([&] { validate_server_options(production); });
		EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
		EXPECT_NE(error.message().find("https in production"), std::string::npos);
	}
	// Whether plain http may be used to reach the provider is the host policy's business.
	EXPECT_NO_THROW(validate_server_options(
	    List{{"api_url", "http://10.0.0.1"}, {"provider", "plaid"}, {"environment", "production"}}));
}

TEST(Options, EveryRowIsUsable) {
	for (const OptionSpec &spec : option_specs()) {
		EXPECT_EQ(find_option(spec.catalog, spec.name), &spec) << spec.name;
		EXPECT_FALSE(spec.secret && spec.catalog == kServer) << spec.name;
		for (const std::string_view provider : provider_names()) {
			const std::string_view value = default_for(spec, provider);
			if (!value.empty() && spec.check) {
				EXPECT_NO_THROW(spec.check(value)) << spec.name;
			}
		}
	}
}

TEST(Options, DefaultsByProvider) {
	ServerConfig server;
	server.name = "s";
	server.provider = "plaid";
	EXPECT_EQ(server.option("sync_interval"), "4 h");
	EXPECT_EQ(server.option("environment"), "sandbox");
	EXPECT_EQ(server.option("language"), "en");
	EXPECT_EQ(server.option("country_codes"), "US");
	EXPECT_EQ(server.option("products"), "transactions");
	EXPECT_EQ(server.option("days_requested"), "90");
	EXPECT_EQ(server.option("history_days"), "90");
	EXPECT_EQ(server.option("keep_raw"), "false");
	EXPECT_EQ(server.option("client_name"), "");
	EXPECT_EQ(server.option("no_such_option"), "");
	server.provider = "truelayer";
	EXPECT_EQ(server.option("sync_interval"), "8 h");
	EXPECT_EQ(server.option("history_days"), "2190");
	EXPECT_EQ(server.option("country_codes"), "");
	server.options["sync_interval"] = "1 day";
	EXPECT_EQ(server.option("sync_interval"), "1 day");
}

TEST(Options, BanksCountCallsWithoutAPersonWhereTheirProviderSaysSo) {
	ServerConfig server;
	server.provider = "plaid";
	EXPECT_EQ(server.option("unattended_per_day"), "");
	server.provider = "truelayer";
	EXPECT_EQ(server.option("unattended_per_day"), "4");
	EXPECT_NO_THROW(validate_option(OptionCatalog::server, "truelayer", "unattended_per_day", "0"));
	EXPECT_THROW(validate_option(OptionCatalog::server, "truelayer", "unattended_per_day", "-1"), Error);
	EXPECT_THROW(validate_option(OptionCatalog::server, "plaid", "unattended_per_day", "4"), Error);
}

TEST(Options, NamesWhatIsMissing) {
	ServerConfig server;
	server.name = "bank";
	server.provider = "plaid";
	const Error option = caught([&] { server.required_option("client_name"); });
	EXPECT_STREQ(sqlstate(option.code()), "HV00J");
	EXPECT_EQ(option.message(), "option \"client_name\" of server \"bank\" is missing");
	const Error credential = caught([&] { server.required_credential("client_secret"); });
	EXPECT_STREQ(sqlstate(credential.code()), "HV00J");
	EXPECT_EQ(credential.message(), "option \"client_secret\" of the user mapping for server \"bank\" is missing");
	EXPECT_EQ(server.required_option("language"), "en");
}

TEST(OptionValues, Intervals) {
	EXPECT_EQ(parse_interval("4 h"), 4h);
	EXPECT_EQ(parse_interval("30 minutes"), 30min);
	EXPECT_EQ(parse_interval("1 day"), 24h);
	EXPECT_EQ(parse_interval(" 90s "), 90s);
	EXPECT_EQ(parse_interval("2 Weeks"), 14 * 24h);
	for (const char *bad : {"", "h", "4", "0 h", "-1 h", "1.5 h", "1 month", "1 h 30 min", "4 hh", "01:00:00",
	                        "99999999999 weeks", "99999999999999999999 s"})
		EXPECT_FALSE(parse_interval(bad)) << bad;
}

TEST(OptionValues, Booleans) {
	EXPECT_EQ(parse_boolean("TRUE"), true);
	EXPECT_EQ(parse_boolean("off"), false);
	EXPECT_EQ(parse_boolean("1"), true);
	EXPECT_FALSE(parse_boolean(""));
	EXPECT_FALSE(parse_boolean("t"));
}

TEST(Registry, FindsByExactName) {
	ASSERT_NE(find_provider("plaid"), nullptr);
	EXPECT_EQ(find_provider("plaid")->name(), "plaid");
	EXPECT_EQ(find_provider("Plaid"), nullptr);
	EXPECT_EQ(find_provider("all"), nullptr);
	for (const std::string_view name : provider_names())
		EXPECT_NE(find_provider(name), nullptr);
}

} // namespace
} // namespace ob::providers
