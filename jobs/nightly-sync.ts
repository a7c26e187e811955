// The export of the customer system, every night: what has changed since the last one is sent between one and five.
import { defineJob } from "updraft";
import { date, dialingCode, lowerCase, phoneNumber, spaces, usState, zip5 } from "updraft/transforms";

/** The export's ways of saying that it knows nothing, as it writes them: there are people called Null and Na. */
const known = {
  name: "known",
  version: 1,
  apply: (value: string) => (/^(NULL|N\/A|unknown|-+|0+)$/.test(value) ? null : value),
};

export default defineJob({
  name: "nightly-sync",
  columns: {
    customerId: "CUSTOMER_ID",
    firstName: "FIRST_NAME",
    lastName: "LAST_NAME",
    // It also has U and X, which the endpoint does not know.
    gender: ({ SEX }) => (SEX === "M" || SEX === "F" ? SEX : null),
    dateOfBirth: "DOB",
    email: "EMAIL_ADDR",
    addressLine1: "ADDR_1",
    addressLine2: "ADDR_2",
    city: "CITY",
    stateCode: "ST",
    postalCode: "ZIP",
    "mobile.phoneNumber": "MOBILE",
    "mobile.countryDialingCode": "MOBILE",
  },
  constants: { countryCodeA3: "USA" },
  transforms: {
    firstName: [known, spaces],
    lastName: [known, spaces],
    dateOfBirth: [known, date("YYYYMMDD")],
    email: [known, lowerCase],
    addressLine1: [known, spaces],
    addressLine2: [known, spaces],
    city: [known, spaces],
    stateCode: [known, usState],
    postalCode: [known, zip5],
    "mobile.phoneNumber": [known, phoneNumber("US")],
    "mobile.countryDialingCode": [known, dialingCode("US")],
  },
  ignoreColumns: ["SEX", "BRANCH", "LAST_MODIFIED"],

  schedule: {
    cron: "15 1 * * *",
    timeZone: "America/New_York",
    input: { glob: "/srv/exports/customers-*.csv", pick: "newest" },
  },
  window: "01:00-05:00 America/New_York",
  // What is lost on the way into the card system is sent again within a month, changed or not.
  changedOnly: { recheckAfter: "30d" },

  rate: "50/s",
  stopAfter: "500,5%",
  // Later than that the night is over.
  giveUpAfter: "3h",
  keep: "90d",

  examples: [
    {
      record: {
        CUSTOMER_ID: "csta_HzZZ0mro3cYxJXeoflMDRc",
        FIRST_NAME: "Pavel ",
        LAST_NAME: "Dvořák",
        SEX: "M",
        DOB: "19781126",
        EMAIL_ADDR: "Pavel.Dvorak@Example.com",
        ADDR_1: "1120  River Road",
        ADDR_2: "N/A",
        CITY: "Albany",
        ST: "NY",
        ZIP: "12257",
        MOBILE: "518-555-0100",
      },
      update: {
        customerId: "csta_HzZZ0mro3cYxJXeoflMDRc",
        firstName: "Pavel",
        lastName: "Dvořák",
        gender: "M",
        dateOfBirth: "1978-11-26",
        email: "pavel.dvorak@example.com",
        addresses: [
          {
            type: "PRIMARY",
            addressLine1: "1120 River Road",
            city: "Albany",
            stateCode: "NY",
            postalCode: "12257",
            countryCodeA3: "USA",
          },
        ],
        phones: [{ type: "MOBILE", countryDialingCode: "1", phoneNumber: "5185550100" }],
      },
    },
    {
      record: {
        CUSTOMER_ID: "csta_T8Z8xKgYCZt0XWfE2ayZT6",
        LAST_NAME: "Null",
        SEX: "U",
        DOB: "00000000",
        EMAIL_ADDR: "unknown",
      },
      update: { customerId: "csta_T8Z8xKgYCZt0XWfE2ayZT6", lastName: "Null" },
    },
    // There is no such day.
    { record: { CUSTOMER_ID: "csta_5Md16zHShXSVTd2HpI3YPH", SEX: "F", DOB: "19780231" }, update: null },
  ],
});
