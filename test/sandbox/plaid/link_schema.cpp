#include "link_schema.hpp"

namespace ob::sandbox::plaid {

namespace {

constexpr std::int64_t kLongestUrlLife = 21LL * 24 * 3600;

Field filter_field(std::string type, std::vector<std::string_view> subtypes) {
	subtypes.push_back("all");
	Schema members = {list_field("account_subtypes", string_field("").one_of(std::move(subtypes))).required()};
	if (type == "depository") {
		members.push_back(list_field("limited_purpose_types", string_field("").one_of({"RENT_MORTGAGE"})));
	}
	return object_field(std::move(type), std::move(members));
}

Field filters_field() {
	return object_field(
	    "account_filters",
	    {filter_field("depository", {"checking", "savings", "hsa", "cd", "money market", "paypal", "prepaid",
	                                 "cash management", "ebt", "limited purpose checking"}),
	     filter_field("credit", {"credit card", "paypal", "charge card"}),
	     filter_field("loan", {"auto", "business", "commercial", "construction", "consumer", "home equity", "loan",
	                           "mortgage", "overdraft", "line of credit", "student", "other",
	                           "commercial line of credit", "home equity loan", "installment"}),
	     filter_field("investment", {"529",
	                                 "401a",
	                                 "401k",
	                                 "403B",
	                                 "457b",
	                                 "brokerage",
	                                 "cash isa",
	                                 "crypto exchange",
	                                 "education savings account",
	                                 "fhsa",
	                                 "fixed annuity",
	                                 "gic",
	                                 "health reimbursement arrangement",
	                                 "hsa",
	                                 "ira",
	                                 "isa",
	                                 "keogh",
	                                 "lif",
	                                 "life insurance",
	                                 "line of credit",
	                                 "lira",
	                                 "lrif",
	                                 "lrsp",
	                                 "mutual fund",
	                                 "non-custodial wallet",
	                                 "non-taxable brokerage account",
	                                 "other",
	                                 "other annuity",
	                                 "other insurance",
	                                 "pension",
	                                 "prif",
	                                 "profit sharing plan",
	                                 "qshr",
	                                 "rdsp",
	                                 "resp",
	                                 "retirement",
	                                 "rlif",
	                                 "roth",
	                                 "roth 401k",
	                                 "roth 403B",
	                                 "roth 457b",
	                                 "roth pension",
	                                 "roth profit sharing plan",
	                                 "roth thrift savings plan",
	                                 "rrif",
	                                 "rrsp",
	                                 "sarsep",
	                                 "sep ira",
	                                 "simple ira",
	                                 "sipp",
	                                 "stock plan",
	                                 "thrift savings plan",
	                                 "tfsa",
	                                 "trust",
	                                 "ugma",
	                                 "utma",
	                                 "variable annuity",
	                                 "prediction market"}),
	     filter_field("other", {"other"})});
}

Schema name_members() {
	return {string_field("given_name").required(), string_field("family_name").required()};
}

Schema address_members() {
	return {string_field("street").nullable(),      string_field("street2").nullable(),
	        string_field("city").nullable(),        string_field("region").nullable(),
	        string_field("postal_code").nullable(), string_field("country").required()};
}

Field user_field() {
	return object_field("user",
	                    {string_field("client_user_id").required().between(1, 1'000'000), string_field("legal_name"),
	                     object_field("name", name_members()).nullable(), string_field("phone_number"),
	                     time_field("phone_number_verified_time").nullable(), string_field("email_address"),
	                     time_field("email_address_verified_time").nullable(), string_field("ssn"),
	                     date_field("date_of_birth").nullable(), object_field("address", address_members()).nullable(),
	                     opaque_field("id_number").nullable()});
}

} // namespace

Schema link_create_schema() {
	Schema schema = {
	    string_field("client_name").required().between(1, 1'000'000),
	    string_field("language")
	        .required()
	        .one_of(
	            {"en", "fr", "es", "nl", "de", "da", "et", "hi", "it", "lv", "lt", "no", "pl", "pt", "ro", "sv", "vi"}),
	    countries_field("country_codes").required().between(1, 100),
	    user_field(),
	    string_field("user_id"),
	    products_field("products").nullable(),
	    products_field("required_if_supported_products").nullable(),
	    products_field("optional_products").nullable(),
	    products_field("additional_consented_products").nullable(),
	    url_field("webhook"),
	    string_field("access_token").nullable().between(1, 1'000'000),
	    strings_field("access_tokens"),
	    string_field("link_customization_name"),
	    string_field("appearance_mode").nullable().one_of({"LIGHT", "DARK", "SYSTEM"}),
	    string_field("redirect_uri"),
	    string_field("android_package_name"),
	    object_field("institution_data", {string_field("routing_number")}),
	    filters_field(),
	    string_field("institution_id"),
	    object_field("update", {boolean_field("account_selection_enabled"), boolean_field("reauthorization_enabled"),
	                            boolean_field("user"), strings_field("item_ids").nullable()}),
	    object_field("hosted_link",
	                 {string_field("delivery_method").one_of({"sms", "email"}), string_field("completion_redirect_uri"),
	                  integer_field("url_lifetime_seconds").between(1, kLongestUrlLife),
	                  boolean_field("is_mobile_app")}),
	    object_field("transactions", {integer_field("days_requested").between(1, 730)}),
	    string_field("consumer_report_permissible_purpose")
	        .one_of({"ACCOUNT_REVIEW_CREDIT", "ACCOUNT_REVIEW_NON_CREDIT", "EXTENSION_OF_CREDIT",
	                 "LEGITIMATE_BUSINESS_NEED_TENANT_SCREENING", "LEGITIMATE_BUSINESS_NEED_OTHER",
	                 "WRITTEN_INSTRUCTION_PREQUALIFICATION", "WRITTEN_INSTRUCTION_OTHER",
	                 "ELIGIBILITY_FOR_GOVT_BENEFITS"}),
	    string_field("third_party_user_token"),
	    boolean_field("cra_enabled"),
	    boolean_field("financekit_supported"),
	    boolean_field("enable_multi_item_link"),
	    string_field("user_token"),
	};
	for (const char *other :
	     {"card_switch", "eu_config", "payment_configuration", "payment_initiation", "employment",
	      "income_verification", "base_report", "credit_partner_insights", "cra_options", "auth", "transfer",
	      "identity_verification", "statements", "investments", "investments_auth", "cashflow_report", "identity"}) {
		schema.push_back(opaque_field(other));
	}
	return schema;
}

} // namespace ob::sandbox::plaid
